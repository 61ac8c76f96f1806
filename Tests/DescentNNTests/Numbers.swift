import DescentCompute
import DescentNN

/// Uniform numbers in −1 ..< 1.
func numbers(_ shape: [Int], seed: UInt64) -> Tensor {
  var random = RandomStream(seed: seed, stream: 77)
  return .random(shape, uniform: -1..<1, &random)
}

func elements(_ x: Tensor) -> [Double] { x.scalars.map(Double.init) }
