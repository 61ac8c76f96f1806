internal import CDescentKernels

// The update loops of optimizers: as in the rules, to the bit, with the processor's widest vectors.

extension Kernels {
  /// How descent with momentum moves the weights.
  package enum SGDForm {
    /// w ← w − η·g
    case plain
    /// b ← kept·b + taken·g,  w ← w − η·b
    case momentum(b: StateView)
    /// b ← kept·b + taken·g,  w ← w − η·(g + μ·b)
    case nesterov(b: StateView)
  }

  /// The update of SGD, with λ·w added to g.
  package static func sgd(
    _ form: SGDForm, g: ScaledView<Float>, w: MutableView<Float>, η: Float, μ: Float, λ: Float,
    kept: Float, taken: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_sgd(
      gradient: g.scale, rate: η, momentum: μ, decay: λ, kept: kept, taken: taken)
    let (kind, b): (descent_sgd_form, StateView?) =
      switch form {
      case .plain: (DESCENT_SGD_PLAIN, nil)
      case .momentum(let b): (DESCENT_SGD_MOMENTUM, b)
      case .nesterov(let b): (DESCENT_SGD_NESTEROV, b)
      }
    unsafe StateView.inParts(of: w.count, b) { p in
      unsafe table.sgd(p.count, &settings, kind, p.of(g), p.of(w), p.a, p.half)
    }
  }

  /// What is taken off the weights, from the averages m of the gradient and v of its square.
  package enum MomentsForm {
    /// η·m/(√v·c + ε), where v is the largest so far if x keeps it
    case adam(η: Float, c: Float, ε: Float, x: StateView?)
    /// (ηg·g + ηm·m)/(√v·c + ε)
    case nadam(ηg: Float, ηm: Float, c: Float, ε: Float)
    /// η·m/(√v + ε)
    case radam(η: Float, ε: Float)
    /// η·m
    case mean(η: Float)
  }

  /// m ← m + α₁·(g − m),  v ← β₂·v + α₂·g²,  w ← shrink·w − change, with λ·w added to g. The square is
  /// (α₂·g)·g for Adam and α₂·(g·g) for the others.
  package static func moments(
    _ form: MomentsForm, g: ScaledView<Float>, w: MutableView<Float>, m: StateView,
    v: StateView, λ: Float, shrink: Float, α1: Float, β2: Float, α2: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_moments(
      gradient: g.scale, decay: λ, shrink: shrink, taken1: α1, beta2: β2, taken2: α2, rate: 0,
      gradient_rate: 0, correction: 1, epsilon: 0)
    var (kind, x): (descent_moments_form, StateView?) = (DESCENT_MOMENTS_MEAN, nil)
    switch form {
    case .adam(let η, let c, let ε, let largest):
      (settings.rate, settings.correction, settings.epsilon) = (η, c, ε)
      (kind, x) = (DESCENT_MOMENTS_ADAM, largest)
    case .nadam(let ηg, let ηm, let c, let ε):
      (settings.gradient_rate, settings.rate) = (ηg, ηm)
      (settings.correction, settings.epsilon, kind) = (c, ε, DESCENT_MOMENTS_NADAM)
    case .radam(let η, let ε):
      (settings.rate, settings.epsilon, kind) = (η, ε, DESCENT_MOMENTS_RADAM)
    case .mean(let η): settings.rate = η
    }
    unsafe StateView.inParts(of: w.count, m, v, x) { p in
      unsafe table.moments(p.count, &settings, kind, p.of(g), p.of(w), p.a!, p.b!, p.c, p.half)
    }
  }

  /// w ← shrink·w − η·sign(β₁·m + α₁·g),  m ← β₂·m + α₂·g
  package static func lion(
    g: ScaledView<Float>, w: MutableView<Float>, m: StateView, η: Float, shrink: Float,
    β1: Float, α1: Float, β2: Float, α2: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_lion(
      gradient: g.scale, rate: η, shrink: shrink, beta1: β1, taken1: α1, beta2: β2, taken2: α2)
    unsafe StateView.inParts(of: w.count, m) { p in
      unsafe table.lion(p.count, &settings, p.of(g), p.of(w), p.a!, p.half)
    }
  }

  /// v ← α·v + β·g²,  w ← w − η·u with u = g/(√v + ε), with λ·w added to g; centred where there is a mean,
  /// and through b where there is momentum.
  package static func rmsprop(
    g: ScaledView<Float>, w: MutableView<Float>, v: StateView, mean: StateView?,
    b: StateView?, η: Float, μ: Float, λ: Float, α: Float, β: Float, ε: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_rmsprop(
      gradient: g.scale, decay: λ, rate: η, momentum: μ, kept: α, taken: β, epsilon: ε)
    unsafe StateView.inParts(of: w.count, v, mean, b) { p in
      unsafe table.rmsprop(p.count, &settings, p.of(g), p.of(w), p.a!, p.b, p.c, p.half)
    }
  }

  /// s ← s + g²,  w ← w − η·g/(√s + ε), with λ·w added to g.
  package static func adagrad(
    g: ScaledView<Float>, w: MutableView<Float>, s: StateView, η: Float, λ: Float, ε: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_adagrad(gradient: g.scale, decay: λ, rate: η, epsilon: ε)
    unsafe StateView.inParts(of: w.count, s) { p in
      unsafe table.adagrad(p.count, &settings, p.of(g), p.of(w), p.a!, p.half)
    }
  }

  /// v ← ρ·v + taken·g²,  Δ = √((d + ε)/(v + ε))·g,  d ← ρ·d + taken·Δ²,  w ← w − η·Δ, with λ·w added
  /// to g.
  package static func adadelta(
    g: ScaledView<Float>, w: MutableView<Float>, v: StateView, d: StateView,
    η: Float, λ: Float, ρ: Float, taken: Float, ε: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_adadelta(
      gradient: g.scale, decay: λ, rate: η, kept: ρ, taken: taken, epsilon: ε)
    unsafe StateView.inParts(of: w.count, v, d) { p in
      unsafe table.adadelta(p.count, &settings, p.of(g), p.of(w), p.a!, p.b!, p.half)
    }
  }

  /// m ← m + α₁·(g − m),  u ← max(β₂·u, |g| + ε),  w ← w − η·m/u, with λ·w added to g.
  package static func adamax(
    g: ScaledView<Float>, w: MutableView<Float>, m: StateView, u: StateView,
    η: Float, λ: Float, α1: Float, β2: Float, ε: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_adamax(
      gradient: g.scale, decay: λ, rate: η, taken1: α1, beta2: β2, epsilon: ε)
    unsafe StateView.inParts(of: w.count, m, u) { p in
      unsafe table.adamax(p.count, &settings, p.of(g), p.of(w), p.a!, p.b!, p.half)
    }
  }

  /// δ ← δ·growth where the gradient keeps its sign, δ·shrink where it changes and counts as 0, within
  /// its limits;  w ← w − sign(g)·δ.
  package static func rprop(
    g: ScaledView<Float>, w: MutableView<Float>, previous: StateView,
    δ: MutableView<Float>, growth: Float, shrink: Float, limits: ClosedRange<Float>
  ) {
    precondition(g.count == w.count && δ.count == w.count)
    var settings = descent_rprop(
      gradient: g.scale, growth: growth, shrink: shrink, shortest: limits.lowerBound,
      longest: limits.upperBound)
    unsafe StateView.inParts(of: w.count, previous) { p in
      unsafe table.rprop(p.count, &settings, p.of(g), p.of(w), p.a!, p.of(δ), p.half)
    }
  }

  /// w ← shrink·w − η·g,  x ← μ·w + (1 − μ)·x, with λ·w added to g.
  package static func asgd(
    g: ScaledView<Float>, w: MutableView<Float>, x: MutableView<Float>, η: Float, λ: Float,
    shrink: Float, μ: Float
  ) {
    precondition(g.count == w.count && x.count == w.count)
    var settings = descent_asgd(
      gradient: g.scale, decay: λ, rate: η, shrink: shrink, taken: μ, kept: 1 - μ)
    unsafe table.asgd(w.count, &settings, g.elements.base, w.base, x.base)
  }

  /// m ← m + α₁·(g − m),  w ← shrink·w − η·sign(m)·min(1, |m|/(scale·h + ε))
  package static func sophiaG(
    g: ScaledView<Float>, w: MutableView<Float>, m: StateView, h: StateView,
    η: Float, shrink: Float, α1: Float, scale: Float, ε: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_sophia()
    (settings.gradient, settings.taken1, settings.rate) = (g.scale, α1, η)
    (settings.shrink, settings.scale, settings.epsilon) = (shrink, scale, ε)
    unsafe StateView.inParts(of: w.count, m, h) { p in
      unsafe table.sophia_g(p.count, &settings, p.of(g), p.of(w), p.a!, p.b!, p.half)
    }
  }

  /// m ← m + α₁·(g − m),  w ← w − η·(u + λ·w), where u is c·m/max(scale·h, ε) within ±limit.
  package static func sophiaH(
    g: ScaledView<Float>, w: MutableView<Float>, m: StateView, h: StateView,
    η: Float, λ: Float, α1: Float, c: Float, scale: Float, ε: Float, limit: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_sophia()
    (settings.gradient, settings.taken1, settings.rate) = (g.scale, α1, η)
    (settings.decay, settings.correction, settings.scale) = (λ, c, scale)
    (settings.epsilon, settings.limit) = (ε, limit)
    unsafe StateView.inParts(of: w.count, m, h) { p in
      unsafe table.sophia_h(p.count, &settings, p.of(g), p.of(w), p.a!, p.b!, p.half)
    }
  }

  /// The square of the gradient that Schedule-Free AdamW divides by: v ← β₂·v + α₂·g², g/(√v·c + ε).
  package struct ScheduleFreeDivisor {
    let (v, β2, α2): (StateView, Float, Float)
    let (c, ε): (Float, Float)

    package init(v: StateView, β2: Float, α2: Float, c: Float, ε: Float) {
      (self.v, self.β2, self.α2, self.c, self.ε) = (v, β2, α2, c, ε)
    }
  }

  /// y ← y + share·(z − y) + ηy·u,  z ← z − η·u with u = g + λ·y, g divided where there is a divisor.
  package static func scheduleFree(
    g: ScaledView<Float>, y: MutableView<Float>, z: MutableView<Float>,
    _ divisor: ScheduleFreeDivisor?,
    share: Float, η: Float, ηy: Float, λ: Float
  ) {
    precondition(g.count == y.count && z.count == y.count)
    var settings = descent_schedule_free(
      gradient: g.scale, decay: λ, share: share, rate: η, rate_y: ηy, beta2: divisor?.β2 ?? 0,
      taken2: divisor?.α2 ?? 0, correction: divisor?.c ?? 0, epsilon: divisor?.ε ?? 0)
    unsafe StateView.inParts(of: y.count, divisor?.v) { p in
      unsafe table.schedule_free(p.count, &settings, p.of(g), p.of(y), p.of(z), p.a, p.half)
    }
  }

  /// Prodigy's first pass: s ← β₃·s + α₃·g, m ← β₁·m + α₁·g, v ← β₂·v + α₂·g², with λ·w added to g.
  /// Returns Σ g·(p₀ − w) and Σ |s|.
  package static func prodigyGather(
    g: ScaledView<Float>, w: MutableView<Float>, s: StateView, p0: MutableView<Float>,
    m: StateView?, v: StateView, λ: Float, β1: Float, α1: Float, β2: Float, α2: Float,
    β3: Float, α3: Float
  ) -> (product: Double, norm: Double) {
    precondition(g.count == w.count && p0.count == w.count)
    var settings = descent_prodigy()
    (settings.gradient, settings.decay) = (g.scale, λ)
    (settings.beta1, settings.taken1) = (β1, α1)
    (settings.beta2, settings.taken2) = (β2, α2)
    (settings.beta3, settings.taken3) = (β3, α3)
    var sums = descent_sums()
    unsafe StateView.inParts(of: w.count, s, v, m) { p in
      sums = unsafe table.prodigy_gather(
        p.count, &settings, sums, p.of(g), p.of(w), p.a!, p.of(p0), p.c, p.b!, p.half)
    }
    return (sums.first, sums.second)
  }

  /// D-Adaptation's first pass: m ← β₁·m + α₁·g, v ← β₂·v + α₂·g², s ← β₃·s + α₃·g, with λ·w added to g.
  /// Returns Σ g·s/(√v + ε) of s and v as they were, and Σ |s|.
  package static func dAdaptGather(
    g: ScaledView<Float>, w: MutableView<Float>, s: StateView, m: StateView,
    v: StateView, λ: Float, ε: Float, β1: Float, α1: Float, β2: Float, α2: Float,
    β3: Float, α3: Float
  ) -> (product: Double, norm: Double) {
    precondition(g.count == w.count)
    var settings = descent_prodigy()
    (settings.gradient, settings.decay, settings.epsilon) = (g.scale, λ, ε)
    (settings.beta1, settings.taken1) = (β1, α1)
    (settings.beta2, settings.taken2) = (β2, α2)
    (settings.beta3, settings.taken3) = (β3, α3)
    var sums = descent_sums()
    unsafe StateView.inParts(of: w.count, s, v, m) { p in
      sums = unsafe table.prodigy_gather(
        p.count, &settings, sums, p.of(g), p.of(w), p.a!, nil, p.c, p.b!, p.half)
    }
    return (sums.first, sums.second)
  }

  /// w ← (w − decay·w) − η·u/(√v + ε), where u is m, or without it g with λ·w added.
  package static func prodigyUpdate(
    g: ScaledView<Float>, w: MutableView<Float>, m: StateView?, v: StateView,
    decay: Float, η: Float, λ: Float, ε: Float
  ) {
    precondition(g.count == w.count)
    var settings = descent_prodigy()
    (settings.gradient, settings.decay, settings.shrink) = (g.scale, λ, decay)
    (settings.rate, settings.epsilon) = (η, ε)
    unsafe StateView.inParts(of: w.count, v, m) { p in
      unsafe table.prodigy_update(p.count, &settings, p.of(g), p.of(w), p.b, p.a!, p.half)
    }
  }

  /// ‖w‖² and ‖g + λ·w‖²
  package static func larsGather(
    g: ScaledView<Float>, w: MutableView<Float>, λ: Float
  ) -> (weights: Double, gradient: Double) {
    precondition(g.count == w.count)
    let sums = unsafe table.lars_gather(w.count, g.scale, λ, g.elements.base, w.base)
    return (sums.first, sums.second)
  }

  /// LAMB's direction r = c₁·m/(√(v + inside)·c₂ + ε) + λ·w.
  package struct LAMBDirection {
    fileprivate var settings = descent_lamb()

    package init(c1: Float, c2: Float, inside: Float, ε: Float, λ: Float) {
      (settings.correction1, settings.correction2) = (c1, c2)
      (settings.inside, settings.epsilon, settings.decay) = (inside, ε, λ)
    }
  }

  /// LAMB's first pass: m ← m + α₁·(g − m), or β₁·m + g without averaging, and v ← β₂·v + α₂·g², with
  /// λ·w added to g. Returns ‖w‖² and ‖r‖².
  package static func lambGather(
    _ direction: LAMBDirection, g: ScaledView<Float>, w: MutableView<Float>, m: StateView,
    v: StateView, averages: Bool, λ: Float, β1: Float, α1: Float, β2: Float, α2: Float
  ) -> (weights: Double, direction: Double) {
    precondition(g.count == w.count)
    var settings = direction.settings
    (settings.gradient, settings.coupled_decay) = (g.scale, λ)
    (settings.beta1, settings.taken1) = (β1, α1)
    (settings.beta2, settings.taken2) = (β2, α2)
    var sums = descent_sums()
    unsafe StateView.inParts(of: w.count, m, v) { p in
      sums = unsafe table.lamb_gather(
        p.count, &settings, averages, sums, p.of(g), p.of(w), p.a!, p.b!, p.half)
    }
    return (sums.first, sums.second)
  }

  /// w ← kept·w − factor·r
  package static func lambUpdate(
    _ direction: LAMBDirection, w: MutableView<Float>, m: StateView, v: StateView,
    kept: Float, factor: Float
  ) {
    var settings = direction.settings
    (settings.kept, settings.factor) = (kept, factor)
    unsafe StateView.inParts(of: w.count, m, v) { p in
      unsafe table.lamb_update(p.count, &settings, p.of(w), p.a!, p.b!, p.half)
    }
  }

  /// y[i] += x², in double. Returns Σ x².
  package static func addSquares(_ x: ScaledView<Float>, _ y: MutableView<Double>) -> Double {
    precondition(x.count == y.count)
    return unsafe table.add_squares(x.count, x.scale, x.elements.base, y.base)
  }

  /// Adafactor's direction in a row: u = min(a·c, most)·g, from the inverse roots of the columns.
  package struct FactoredDirection {
    fileprivate var settings = descent_factored()
    fileprivate let (g, c): (View<Float>, View<Float>)

    package init(g: ScaledView<Float>, c: View<Float>, a: Float, most: Float) {
      precondition(g.count == c.count)
      (settings.gradient, settings.row, settings.most) = (g.scale, a, most)
      (self.g, self.c) = (g.elements, c)
    }

    /// Σ u²
    package var squares: Double {
      var settings = settings
      return unsafe Kernels.table.factored_squares(g.count, &settings, g.base, c.base)
    }
  }

  /// w ← (shrink·w − decayed·w) − factor·u, through m ← β₁·m + α₁·factor·u where there is momentum.
  package static func factoredUpdate(
    _ direction: FactoredDirection, w: MutableView<Float>, m: MutableView<Float>?, factor: Float,
    shrink: Float, decayed: Float, β1: Float, α1: Float
  ) {
    let n = w.count
    precondition(direction.g.count == n && (m?.count ?? n) == n)
    var settings = direction.settings
    (settings.factor, settings.shrink, settings.decayed) = (factor, shrink, decayed)
    (settings.beta1, settings.taken1) = (β1, α1)
    unsafe table.factored_update(
      n, &settings, direction.g.base, direction.c.base, w.base, m?.base)
  }
}
