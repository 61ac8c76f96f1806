internal import DescentCompute
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

// Functions of one tensor, element by element: the value y = f(x) beside the slope f′, which is
// expressed by x or by y, whichever makes it cheaper.

/// A function of one number. Types rather than closures, so that loops are compiled for each.
protocol ElementFunction {
  /// f(x).
  func value(_ x: Float) -> Float
  /// f′ at `kept`, which is x or, with `keepsOutput`, y.
  func slope(_ kept: Float) -> Float
  /// Whether the slope is expressed by y.
  static var keepsOutput: Bool { get }
}

private struct Logarithm: ElementFunction {
  static var keepsOutput: Bool { false }
  func value(_ x: Float) -> Float { logf(x) }
  func slope(_ x: Float) -> Float { 1 / x }
}

private struct Root: ElementFunction {
  static var keepsOutput: Bool { true }
  func value(_ x: Float) -> Float { x.root }
  func slope(_ y: Float) -> Float { 0.5 / y }
}

private struct Square: ElementFunction {
  static var keepsOutput: Bool { false }
  func value(_ x: Float) -> Float { x * x }
  func slope(_ x: Float) -> Float { 2 * x }
}

private struct Power: ElementFunction {
  let p: Float
  static var keepsOutput: Bool { false }
  func value(_ x: Float) -> Float { powf(x, p) }
  func slope(_ x: Float) -> Float { p * powf(x, p - 1) }
}

private struct Magnitude: ElementFunction {
  static var keepsOutput: Bool { false }
  func value(_ x: Float) -> Float { Swift.abs(x) }
  func slope(_ x: Float) -> Float { x > 0 ? 1 : x < 0 ? -1 : 0 }
}

private struct Rectifier: ElementFunction {
  static var keepsOutput: Bool { true }
  func value(_ x: Float) -> Float { x < 0 ? 0 : x }
  func slope(_ y: Float) -> Float { y > 0 ? 1 : 0 }
}

private struct LeakyRectifier: ElementFunction {
  let leak: Float
  static var keepsOutput: Bool { true }
  func value(_ x: Float) -> Float { x < 0 ? leak * x : x }
  func slope(_ y: Float) -> Float { y > 0 ? 1 : leak }
}

private struct Softplus: ElementFunction {
  static var keepsOutput: Bool { false }
  func value(_ x: Float) -> Float { Swift.max(x, 0) + log1pf(expf(-Swift.abs(x))) }
  func slope(_ x: Float) -> Float { 1 / (1 + expf(-x)) }
}

private struct Affine: ElementFunction {
  let factor: Float
  let shift: Float
  static var keepsOutput: Bool { true }
  func value(_ x: Float) -> Float { x * factor + shift }
  func slope(_ y: Float) -> Float { factor }
}

private struct Quotient: ElementFunction {
  let divisor: Float
  static var keepsOutput: Bool { true }
  func value(_ x: Float) -> Float { x / divisor }
  func slope(_ y: Float) -> Float { 1 / divisor }
}

extension Tensor {
  private func applying<F: ElementFunction>(_ f: F) -> Tensor {
    let y = Tensor(uninitialized: shape)
    let (xs, ys) = (elements, y.freshElements)
    inChunks(of: count) { range in
      let (xs, ys) = (xs[range], ys[range])
      for i in 0..<range.count { ys[i] = f.value(xs[i]) }
    }
    let saved = F.keepsOutput ? y.rounded(to: format) : self
    return record(y, from: self, in: format) { [kept = saved.kept(if: node != nil)] dy, d in
      d.write(to: 0) { dx, adds in
        let (kept, dys) = (kept.elements, dy.elements)
        inChunks(of: dy.count) { range in
          let (kept, dy, dx) = (kept[range], dys[range], dx[range])
          if adds {
            for i in 0..<range.count { dx[i] += dy[i] * f.slope(kept[i]) }
          } else {
            for i in 0..<range.count { dx[i] = dy[i] * f.slope(kept[i]) }
          }
        }
      }
    }
  }

  /// The natural logarithm.
  public func log() -> Tensor { applying(Logarithm()) }

  /// √x.
  public func squareRoot() -> Tensor { applying(Root()) }

  /// x².
  public func squared() -> Tensor { applying(Square()) }

  /// xᵖ.
  public func power(_ p: Float) -> Tensor { applying(Power(p: p)) }

  /// |x|; the slope at zero is zero.
  public func magnitude() -> Tensor { applying(Magnitude()) }

  /// max(x, 0); the slope at zero is zero.
  public func relu() -> Tensor { applying(Rectifier()) }

  /// max(x, 0) + leak · min(x, 0): ReLU that lets some of the gradient of negative numbers through.
  ///
  /// - Parameter leak: the slope below 0, above 0 and at most 1.
  public func leakyReLU(_ leak: Float = 0.01) -> Tensor {
    check(leak > 0 && leak <= 1, "the leak of a ReLU is above 0 and at most 1, not \(leak)")
    return applying(LeakyRectifier(leak: leak))
  }

  /// log(1 + eˣ) = −log σ(−x): the cross-entropy of a logit −x whose answer is yes.
  public func softplus() -> Tensor { applying(Softplus()) }

  /// −x.
  public static prefix func - (x: Tensor) -> Tensor { x.applying(Affine(factor: -1, shift: 0)) }

  /// x + c.
  public static func + (x: Tensor, c: Float) -> Tensor { x.applying(Affine(factor: 1, shift: c)) }

  /// x − c.
  public static func - (x: Tensor, c: Float) -> Tensor { x + (-c) }

  /// c·x.
  public static func * (x: Tensor, c: Float) -> Tensor { x.applying(Affine(factor: c, shift: 0)) }

  /// c·x.
  public static func * (c: Float, x: Tensor) -> Tensor { x * c }

  /// x / c.
  public static func / (x: Tensor, c: Float) -> Tensor { x.applying(Quotient(divisor: c)) }
}
