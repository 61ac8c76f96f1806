public import CDescentKernels

/// An element type of weights and optimizer state.
///
/// Generic loops over a `Scalar` vectorize once they are specialized for `Float` or `Double`.
public protocol Scalar: BinaryFloatingPoint, BitwiseCopyable, Codable, Sendable, SIMDScalar {
  /// √x, the same bits as `squareRoot()`.
  ///
  /// `squareRoot()` calls the C library for its errno on Linux, and a loop with a call does not
  /// vectorize.
  var root: Self { get }
}

extension Float: Scalar {
  /// √x, the same bits as `squareRoot()`.
  @inlinable @inline(__always)
  public var root: Float { descent_root_f32(self) }
}

extension Double: Scalar {
  /// √x, the same bits as `squareRoot()`.
  @inlinable @inline(__always)
  public var root: Double { descent_root_f64(self) }
}
