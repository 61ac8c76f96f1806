import Foundation

// Closed forms that only torch has, under torch's names and with torch's defaults.

/// torch's ConstantLR: a fraction of the value for some steps, then the full value.
///
/// ```
/// η(t) = η·f while t < n, then η
/// ```
public struct TorchConstant: Schedule {
  /// f: the fraction.
  public var factor = 1.0 / 3
  /// n: steps of it.
  public var totalIterations = 5

  public static let name = "ConstantLR"
  public static let settings: [Setting<TorchConstant>] = [
    .number("factor", \.factor, .closed(0, 1), "f: the fraction", source: "torch"),
    .integer("total_iters", \.totalIterations, .atLeast(0), "n: steps at it", source: "torch"),
  ]
  public static let about = About(
    summary: "a fraction of the value for some steps, then the full value",
    formula: "η(t) = η·f while t < n, then η", reference: "torch: ConstantLR")

  public init() {}

  public var warmupEnd: Int { totalIterations }
  public var settles: Int? { totalIterations }

  public func value(at step: Int, base: Double) -> Double {
    step < totalIterations ? base * factor : base
  }
}

/// torch's LinearLR: from one fraction of the value to another.
///
/// ```
/// η(t) = η·(a + (b − a)·min(t, n)/n)
/// ```
public struct TorchLinear: Schedule {
  /// a: the first fraction.
  public var start = 1.0 / 3
  /// b: the last fraction.
  public var finish = 1.0
  /// n: steps of it.
  public var totalIterations = 5

  public static let name = "LinearLR"
  public static let settings: [Setting<TorchLinear>] = [
    .number("start_factor", \.start, .closed(0, 1), "a: the first fraction", source: "torch"),
    .number("end_factor", \.finish, .closed(0, 1), "b: the last fraction", source: "torch"),
    .integer(
      "total_iters", \.totalIterations, .atLeast(1), "n: steps from a to b", source: "torch"),
  ]
  public static let about = About(
    summary: "from one fraction of the value to another",
    formula: "η(t) = η·(a + (b − a)·min(t, n)/n)", reference: "torch: LinearLR")

  public init() {}

  public var warmupEnd: Int { finish > start ? totalIterations : 0 }

  public var settles: Int? { totalIterations }

  public func value(at step: Int, base: Double) -> Double {
    let u = Double(min(step, totalIterations)) / Double(totalIterations)
    // Each end to the bit, and never below both.
    return base * (start * (1 - u) + finish * u)
  }
}

/// torch's CosineAnnealingLR: a cosine that never ends.
///
/// ```
/// η(t) = low + (η − low)·½(1 + cos πt/T)
/// ```
public struct CosineAnnealing: Schedule {
  /// T: half a wave; nil is the length of the run.
  public var halfWave: Int?
  /// The low value.
  public var low = 0.0

  public static let name = "CosineAnnealingLR"
  public static let settings: [Setting<CosineAnnealing>] = [
    .optionalInteger("T_max", \.halfWave, .atLeast(1), "T: half a wave; none: the run"),
    .number("eta_min", \.low, .atLeast(0), "the low value", source: "torch"),
  ]
  public static let about = About(
    summary: "a cosine between the value and a low one, wave after wave",
    formula: "η(t) = low + (η − low)·½(1 + cos πt/T)",
    differences: "As in torch, it rises again after T_max; the schedule that stays down is cosine.",
    reference: "torch: CosineAnnealingLR")

  public init() {}

  public mutating func fit(totalSteps: Int) { halfWave = halfWave ?? totalSteps }
  public var end: Int? { halfWave }
  public var settles: Int? { nil }

  public func objection(base: Double) -> ScheduleObjection? {
    floorObjection("eta_min", low, above: base)
  }

  public func value(at step: Int, base: Double) -> Double {
    guard let halfWave else { return base }
    return low + (base - low) * (1 + cos(.pi * Double(step) / Double(halfWave))) / 2
  }
}

/// torch's CosineAnnealingWarmRestarts: falls along half a cosine, each time more slowly.
///
/// ```
/// η(t) = low + (η − low)·½(1 + cos πτ/Tᵢ),  τ: steps since the last restart,  Tᵢ = T₀·mⁱ
/// ```
public struct WarmRestarts: Schedule {
  /// T₀: steps of the first fall; nil is the length of the run.
  public var first: Int?
  /// m: how much longer each fall is than the last.
  public var growth = 1
  /// The low value.
  public var low = 0.0

  public static let name = "CosineAnnealingWarmRestarts"
  public static let settings: [Setting<WarmRestarts>] = [
    .optionalInteger("T_0", \.first, .atLeast(1), "T₀: steps of the first fall; none: the run"),
    .integer(
      "T_mult", \.growth, .atLeast(1), "m: how much longer each fall is than the last",
      source: "torch"),
    .number("eta_min", \.low, .atLeast(0), "the low value", source: "torch"),
  ]
  public static let about = About(
    summary: "half cosines from the full value, each m times as long as the last",
    formula: """
      η(t) = low + (η − low)·½(1 + cos πτ/Tᵢ),  τ: steps since the last restart,  Tᵢ = T₀·mⁱ
      """,
    reference:
      "Loshchilov, Hutter: SGDR, 2017, arXiv:1608.03983; torch: CosineAnnealingWarmRestarts")

  public init() {}

  public mutating func fit(totalSteps: Int) { first = first ?? totalSteps }

  public func objection(base: Double) -> ScheduleObjection? {
    floorObjection("eta_min", low, above: base)
  }

  public func value(at step: Int, base: Double) -> Double {
    guard let first else { return base }
    var (τ, T) = (step, first)
    if growth == 1 {
      τ %= T
    } else {
      // Past the largest integer no step begins another fall.
      while τ >= T { (τ, T) = (τ - T, T > .max / growth ? .max : T * growth) }
    }
    return low + (base - low) * (1 + cos(.pi * Double(τ) / Double(T))) / 2
  }
}

/// torch's SWALR: moves to the constant rate of stochastic weight averaging.
///
/// ```
/// η(t) = η + (rate − η)·a(min(1, t/n)),  a(x) = ½(1 − cos πx) or x
/// ```
public struct SWA: Schedule {
  /// The rate at the end.
  public var rate = 0.05
  /// n: steps of the way there.
  public var annealSteps = 10
  /// The shape of the way there.
  public var anneal = OneCycle.Anneal.cos

  public static let name = "SWALR"
  public static let settings: [Setting<SWA>] = [
    .number("swa_lr", \.rate, .atLeast(0), "the rate at the end"),
    .integer(
      "anneal_epochs", \.annealSteps, .atLeast(0), "n: steps of the way there", source: "torch"),
    .choice("anneal_strategy", \.anneal, "the shape of the way there", source: "torch"),
  ]
  public static let about = About(
    summary: "moves to the constant rate of stochastic weight averaging",
    formula: """
      η(t) = η + (rate − η)·a(min(1, t/n)),  a(x) = ½(1 − cos πx) or x
      """,
    reference: "Izmailov et al.: Averaging weights leads to wider optima, 2018, arXiv:1803.05407")

  public init() {}

  public var settles: Int? { annealSteps }

  public func value(at step: Int, base: Double) -> Double {
    let x = step >= annealSteps ? 1 : Double(step) / Double(annealSteps)
    let α = anneal == .linear ? x : (1 - cos(.pi * x)) / 2
    return rate * α + base * (1 - α)
  }
}
