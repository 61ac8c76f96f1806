// An operation with its derivative.
import DescentNN
import Foundation

/// log cosh x, element by element: like x²/2 near 0, like |x| far from it. Its slope is tanh x.
func logCosh(_ x: Tensor) -> Tensor {
  let numbers = x.detached
  let y = Tensor(shape: x.shape) { y in
    numbers.withSpan { x in
      for i in x.indices { y[i] = log(cosh(x[i])) }
    }
  }
  return y.withDerivative(from: x) { dy, inputs in inputs.add(to: 0, dy * numbers.tanh()) }
}

/// The mean, and its slope at each element. A tape lives in a function, since it is used up.
func meanAndSlopes(_ x: Tensor) -> (mean: Float, slopes: Tensor?) {
  let tape = Tape()
  let x = tape.watch(x)
  let mean = logCosh(x).mean()
  return (mean.scalar, tape.gradients(of: mean)[x])
}

let x = Tensor(shape: [3], scalars: [-1, 0.5, 2])
let (mean, slopes) = meanAndSlopes(x)
print(mean, slopes!, slopes!.isClose(to: x.tanh() / 3))
