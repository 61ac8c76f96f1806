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

  /// xᵢ ← xᵢ·mᵢ / (1 − p) for the elements of the mask from `start` on; mᵢ is 0 with probability p,
  /// else 1.
  func apply(to x: MutableView<Float>, from start: Int) {
    let threshold = UInt32(Double(probability) * 0x1p32)
    let scale = 1 / (1 - probability)
    var i = 0
    while i < x.count {
      let position = start + i
      let words = random.block(UInt64(position / 4))
      for lane in position % 4..<min(4, position % 4 + x.count - i) {
        x[i] = words[lane] < threshold ? 0 : x[i] * scale
        i += 1
      }
    }
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
      ys[range].copy(xs[range])
      mask.apply(to: ys[range], from: range.lowerBound)
    }
    return y
  }
}
