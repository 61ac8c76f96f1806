public import DescentCompute

/// The random numbers of one use of dropout: the same ones however often they are asked for, so
/// that nothing needs to be kept for the derivative.
public struct DropoutMask: Sendable {
  /// The probability that an element is dropped.
  public let probability: Float

  private let random: RandomStream

  /// A mask from the first numbers of a stream.
  ///
  /// - Parameters:
  ///   - probability: The probability that an element is dropped, in 0 ..< 1.
  ///   - random: A stream that nothing else uses; element i of the mask is its word i.
  public init(probability: Float, random: RandomStream) {
    check(
      probability >= 0 && probability < 1,
      "a dropout probability is at least 0 and below 1, not \(probability)")
    self.probability = probability
    self.random = random
  }

  /// yᵢ ← xᵢ·mᵢ / (1 − p) for the elements of the mask from `start` on; mᵢ is 0 with probability p,
  /// else 1. y may be x.
  func apply(to x: View<Float>, from start: Int, _ y: MutableView<Float>) {
    Kernels.dropout(
      x, random, from: start, threshold: UInt32(Double(probability) * 0x1p32),
      scale: 1 / (1 - probability), y)
  }
}

extension Tensor {
  /// The elements that a mask keeps, scaled so that the mean stays; zeros elsewhere.
  public func dropout(_ mask: DropoutMask) -> Tensor {
    record(Tensor.masked(self, mask), from: self, in: format) { dy, d in
      d.add(to: 0, Tensor.masked(dy, mask))
    }
  }

  private static func masked(_ x: Tensor, _ mask: DropoutMask) -> Tensor {
    let y = Tensor(uninitialized: x.shape)
    let (xs, ys) = (x.elements, y.freshElements)
    inChunks(of: x.count) { range in
      mask.apply(to: xs[range], from: range.lowerBound, ys[range])
    }
    return y
  }
}
