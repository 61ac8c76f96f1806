public import DescentCompute

// What it takes to write an operation outside the package.

extension Tensor {
  /// Makes this value the result of an operation of one's own, with its derivative.
  ///
  /// ```swift
  /// extension Tensor {
  ///   /// sin x.
  ///   func sine() -> Tensor {
  ///     let x = detached
  ///     var y = x
  ///     y.withMutableSpan { y in
  ///       for i in y.indices { y[i] = sin(y[i]) }
  ///     }
  ///     return y.withDerivative(from: self) { dy, inputs in
  ///       inputs.accumulate(into: 0) { dx in
  ///         dy.withSpan { dy in
  ///           x.withSpan { x in
  ///             for i in x.indices { dx[i] += dy[i] * cos(x[i]) }
  ///           }
  ///         }
  ///       }
  ///     }
  ///   }
  /// }
  /// ```
  /// The value is computed from the inputs' elements (`withSpan`), or by other operations from their
  /// ``detached`` forms. Without a tape nothing of the derivative is kept. With ``Autocast`` both ways are
  /// computed in float32; the result and the gradients are rounded to their formats.
  ///
  /// - Parameters:
  ///   - inputs: the tensors that the value depends on, in the order of their numbers.
  ///   - format: the format of the result; nil is the widest of the inputs'.
  ///   - pullback: the derivative: turns the gradient dy of the result, of its shape, into those of the
  ///     inputs. It adds to every input that ``Adjoints/needs(_:)`` names, zeros too.
  public func withDerivative(
    from inputs: Tensor..., in format: NumberFormat? = nil,
    pullback: @escaping (_ dy: Tensor, _ inputs: Adjoints) -> Void
  ) -> Tensor {
    withDerivative(from: inputs, in: format, pullback: pullback)
  }

  /// The same for any number of inputs.
  public func withDerivative(
    from inputs: [Tensor], in format: NumberFormat? = nil,
    pullback: @escaping (_ dy: Tensor, _ inputs: Adjoints) -> Void
  ) -> Tensor {
    check(
      node == nil,
      "the value of an operation with its own derivative is on a tape already; compute it from "
        + "detached inputs")
    let widest = inputs.dropFirst().reduce(inputs.first?.format ?? .float32) { $0.wider($1) }
    var y = self
    // A copy where the memory is shared, as with an input.
    y.round(to: format ?? widest)
    let nodes = inputs.map(\.node)
    guard nodes.contains(where: { $0 != nil }) else { return y }
    return recorded(y, from: inputs, in: y.format) { dy, adjoints in
      let given = GivenGradients()
      pullback(dy, adjoints.noting(given))
      for i in nodes.indices where nodes[i] != nil {
        check(
          given.inputs.contains(i),
          "the derivative of an operation gives no gradient to its input \(i), which needs one; add "
            + "zeros where it is zero")
      }
    }
  }

  /// A function of one number for every element, with its slope: y = f(x) and dx = dy·f′(x).
  ///
  /// ```swift
  /// let y = x.mapped({ sin($0) }, slope: { cos($0) })
  /// ```
  public func mapped(
    _ value: (Float) -> Float, slope: @escaping (Float) -> Float
  ) -> Tensor {
    let y = Tensor(uninitialized: shape)
    let (xs, ys) = (elements, y.freshElements)
    for i in xs.indices { ys[i] = value(xs[i]) }
    return record(y, from: self, in: format) { [x = detached] dy, d in
      d.write(to: 0) { dx, adds in
        let (xs, dys) = (x.elements, dy.elements)
        for i in xs.indices {
          let term = dys[i] * slope(xs[i])
          dx[i] = adds ? dx[i] + term : term
        }
      }
    }
  }

  /// A tensor whose elements `body` writes, in row-major order; they are zero before.
  ///
  /// - Throws: what `body` throws.
  public init<E: Error>(
    shape: [Int], _ body: (_ elements: inout MutableSpan<Float>) throws(E) -> Void
  ) throws(E) {
    self = .zeros(shape)
    try withMutableSpan(body)
  }
}

/// The inputs to whose gradients a derivative has added.
final class GivenGradients {
  var inputs: Set<Int> = []
}
