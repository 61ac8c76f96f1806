internal import DescentCompute

// Functions that need an exponential, element by element.

extension Tensor {
  /// y = value(x) and dx = derivative(x or y, dy), by chunks of elements.
  private func applying(
    _ value: @escaping (_ x: View<Float>, _ y: MutableView<Float>) -> Void,
    keepsOutput: Bool = false,
    _ derivative:
      @escaping (_ kept: View<Float>, _ dy: View<Float>, _ dx: MutableView<Float>) -> Void
  ) -> Tensor {
    let y = Tensor(uninitialized: shape)
    let (xs, ys) = (elements, y.freshElements)
    inChunks(of: count) { value(xs[$0], ys[$0]) }
    let saved = keepsOutput ? y.rounded(to: format) : self
    return record(y, from: self, in: format) { [kept = saved.kept(if: node != nil)] dy, d in
      let dx = Tensor(uninitialized: dy.shape)
      let (kept, dys, dxs) = (kept.elements, dy.elements, dx.freshElements)
      inChunks(of: dy.count) { derivative(kept[$0], dys[$0], dxs[$0]) }
      d.add(to: 0, dx)
    }
  }

  /// y = value(x) and dx = slope·dy, where the slope is computed beside y, with what they have in common,
  /// and kept in the place of x. An x in 16 bits is kept, as half as large, and the slope computed again.
  private func applying(
    _ value: (_ x: View<Float>, _ y: MutableView<Float>) -> Void,
    withSlope:
      @escaping (_ x: View<Float>, _ y: MutableView<Float>, _ slope: MutableView<Float>) -> Void
  ) -> Tensor {
    let y = Tensor(uninitialized: shape)
    let (xs, ys) = (elements, y.freshElements)
    guard node != nil, format != .bfloat16 else {
      inChunks(of: count) { value(xs[$0], ys[$0]) }
      return record(y, from: self, in: format) { [x = kept] dy, d in
        let dx = Tensor(uninitialized: dy.shape)
        let (xs, dys, dxs) = (x.elements, dy.elements, dx.freshElements)
        inChunks(of: dy.count) { range in
          let dx = dxs[range]
          withScratch(of: Float.self, range.count) { withSlope(xs[range], $0, dx) }
          for (i, j) in zip(0..<range.count, range) { dx[i] *= dys[j] }
        }
        d.add(to: 0, dx)
      }
    }
    let slope = Tensor(uninitialized: shape)
    let slopes = slope.freshElements
    inChunks(of: count) { withSlope(xs[$0], ys[$0], slopes[$0]) }
    return record(y, from: self, in: format) { dy, d in
      d.add(to: 0, combine(dy, slope, Product.self))
    }
  }

  /// eˣ.
  public func exp() -> Tensor {
    applying(
      { x, y in Kernels.exp(x, y) }, keepsOutput: true,
      { y, dy, dx in
        for i in 0..<y.count { dx[i] = dy[i] * y[i] }
      })
  }

  /// The hyperbolic tangent.
  public func tanh() -> Tensor {
    applying(
      { x, y in Kernels.tanh(x, y) }, keepsOutput: true,
      { y, dy, dx in
        for i in 0..<y.count { dx[i] = dy[i] * (1 - y[i] * y[i]) }
      })
  }

  /// σ(x) = 1 / (1 + e⁻ˣ).
  public func sigmoid() -> Tensor {
    applying(
      { x, y in Kernels.sigmoid(x, y) }, keepsOutput: true,
      { y, dy, dx in
        for i in 0..<y.count { dx[i] = dy[i] * (y[i] * (1 - y[i])) }
      })
  }

  /// The Gaussian error linear unit.
  ///
  /// ```
  /// y = x·Φ(x) = x/2 · (1 + erf(x/√2))        y′ = Φ(x) + x·φ(x)
  /// ```
  public func gelu() -> Tensor {
    applying(Kernels.gelu, withSlope: Kernels.geluWithSlope)
  }

  /// The tanh approximation of the Gaussian error linear unit, as in GPT-2.
  ///
  /// ```
  /// y = x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
  /// ```
  public func geluTanh() -> Tensor {
    applying(Kernels.geluTanh, withSlope: Kernels.geluTanhWithSlope)
  }

  /// The sigmoid linear unit (swish).
  ///
  /// ```
  /// y = x·σ(x)        y′ = σ(x)·(1 + x·(1 − σ(x)))
  /// ```
  public func silu() -> Tensor {
    applying({ x, y in Kernels.silu(x, y) }, { x, dy, dx in Kernels.siluBackward(x, dy, dx) })
  }

  /// The gated unit of SwiGLU layers.
  ///
  /// ```
  /// y = silu(x)·gate
  /// ```
  ///
  /// - Parameter gate: A tensor of the same shape.
  public func swiGLU(_ gate: Tensor) -> Tensor {
    check(
      shape == gate.shape,
      "SwiGLU needs two tensors of one shape, not \(shape) and \(gate.shape)")
    guard format == .float32, gate.format == .float32 else { return silu() * gate }
    // One pass over memory, and no more kept than x and the gate.
    let y = Tensor(uninitialized: shape)
    let (xs, gs, ys) = (elements, gate.elements, y.freshElements)
    inChunks(of: count) { range in
      let (g, y) = (gs[range], ys[range])
      Kernels.silu(xs[range], y)
      for i in 0..<range.count { y[i] *= g[i] }
    }
    return record(y, from: self, gate) { [x = kept, gate = gate.kept] dy, d in
      let (dx, dg) = (Tensor(uninitialized: dy.shape), Tensor(uninitialized: dy.shape))
      let (xs, gs, dys) = (x.elements, gate.elements, dy.elements)
      let (dxs, dgs) = (dx.freshElements, dg.freshElements)
      inChunks(of: dy.count) { range in
        let (x, g, dy, dx, dg) = (xs[range], gs[range], dys[range], dxs[range], dgs[range])
        Kernels.silu(x, dg)
        for i in 0..<range.count {
          dg[i] *= dy[i]
          dx[i] = dy[i] * g[i]
        }
        Kernels.siluBackward(x, dx.reading, dx)
      }
      d.add(to: 0, dx)
      d.add(to: 1, dg)
    }
  }
}
