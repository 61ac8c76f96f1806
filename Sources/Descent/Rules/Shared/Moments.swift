import DescentCompute

/// The averages of the gradient and of its square that Adam's descendants share:
///
/// ```
/// g ← ∇f(w) + λ·w                (coupled)      w ← w·(1 − η·λ)     (decoupled)
/// m ← β₁·m + (1−β₁)·g
/// v ← β₂·v + (1−β₂)·g²
/// ```
struct Moments {
  var beta1: Double
  var beta2: Double
  /// λ: λ·w is added to the gradient.
  var coupledDecay = 0.0
  /// 1 − η·λ: what the weights are multiplied by.
  var shrink = 1.0

  /// Whether (1−β₂)·g² is ((1−β₂)·g)·g, as torch and bitsandbytes have it for Adam, and not
  /// (1−β₂)·(g·g): they differ in the last bit.
  var weighsBeforeSquaring = false

  static let m = Slot("exp_avg")
  static let v = Slot("exp_avg_sq", .nonnegative)
  static let slots = [m, v]

  init(beta1: Double, beta2: Double) { (self.beta1, self.beta2) = (beta1, beta2) }

  /// With weight decay λ of either kind.
  init(
    beta1: Double, beta2: Double, weightDecay: Double, decoupled: Bool, learningRate: Double
  ) {
    self.init(beta1: beta1, beta2: beta2)
    if decoupled { shrink = 1 - learningRate * weightDecay } else { coupledDecay = weightDecay }
  }

  /// Updates m and v, then takes off each weight what `form` says: by a loop of ``Kernels``, which has
  /// the bits of ``update(_:_:)`` with that change.
  func update(_ block: Block<Float>, _ form: Kernels.MomentsForm) {
    Kernels.moments(
      form, g: block.g, w: block.w, m: block.kept(Self.m), v: block.kept(Self.v),
      λ: Float(coupledDecay), shrink: Float(shrink), α1: Float(1 - beta1), β2: Float(beta2),
      α2: Float(1 - beta2))
  }

  /// Updates m and v, then takes `change(i, g, m, v)` off each weight.
  @inline(__always)
  func update<S: Scalar>(
    _ block: Block<S>, _ change: (_ i: Int, _ g: S, _ m: S, _ v: S) -> S
  ) {
    let (w, g, m, v) = (block.w, block.g, block[Self.m], block[Self.v])
    let (λ, shrink, β2) = (S(coupledDecay), S(shrink), S(beta2))
    let (α1, α2) = (S(1 - beta1), S(1 - beta2))
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      m[i] += α1 * (gi - m[i])
      v[i] = β2 * v[i] + (weighsBeforeSquaring ? α2 * gi * gi : α2 * (gi * gi))
      w[i] = w[i] * shrink - change(i, gi, m[i], v[i])
    }
  }

  /// Updates m and v alone.
  @inline(__always)
  func update<S: Scalar>(_ block: Block<S>) {
    let (w, g, m, v) = (block.w, block.g, block[Self.m], block[Self.v])
    let (λ, β2, α1, α2) = (S(coupledDecay), S(beta2), S(1 - beta1), S(1 - beta2))
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      m[i] += α1 * (gi - m[i])
      v[i] = β2 * v[i] + α2 * (gi * gi)
    }
  }

  /// Updates m and v with m ← β₁·m + g.
  @inline(__always)
  func sum<S: Scalar>(_ block: Block<S>) {
    let (w, g, m, v) = (block.w, block.g, block[Self.m], block[Self.v])
    let (λ, β1, β2, α2) = (S(coupledDecay), S(beta1), S(beta2), S(1 - beta2))
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      m[i] = β1 * m[i] + gi
      v[i] = β2 * v[i] + α2 * (gi * gi)
    }
  }
}
