import DescentTraining
import Foundation

/// Goes from an optimizer to AdamW, to another batch size, and on to the other optimizer.
struct HyperparameterConverter {
  let source: ConversionSource
  let batches: (from: Int, to: Int)?

  /// What is known on the way: AdamW's settings.
  struct State {
    var rate: Estimate
    /// Decoupled decay; nil where there is nothing to go by.
    var decay: Estimate?
    var betas: [Estimate]
    var epsilon: Estimate?
    var notes: [String] = []
  }

  static let adams = ["adam", "adamw"]

  func convert(to: String) throws(RecipeError) -> ([ConversionRule], [String]) {
    let from = source.name
    let scalable = Self.adams + ["sgd"]
    if batches != nil, !scalable.contains(from), !scalable.contains(to) {
      throw RecipeError(problems: [
        "no source gives a rule that takes \(from) from one batch size to another; there is one for sgd "
          + "(linear) and for adam and adamw (square root). 'descent lr-find' measures the rate at the "
          + "new batch size"
      ])
    }
    if from == to { return try scaledAlone() }
    if from == "sgd", to == "schedule-free-sgd" { return try scheduleFreeSGD() }
    if from == "schedule-free-sgd", to == "sgd" { return try ofScheduleFreeSGD() }
    if to == "schedule-free-sgd" || from == "schedule-free-sgd" {
      throw RecipeError(problems: [
        "no source gives a rule between \(from) and \(to): the authors of schedule-free-sgd compare it "
          + "with sgd alone"
      ])
    }
    var state = try adamW(for: to)
    if let batches {
      // A customary start does not follow from the old rate, nor from its batch.
      if from == "sgd" || to == "sgd" {
        state.notes.append(Self.unscaled)
      } else {
        scale(&state, batches)
      }
    }
    var (rules, notes) = try fromAdamW(state, to)
    if from == "adam", to != "sgd", !rules.contains(where: { $0.setting == "weight_decay" }) {
      rules.append(
        ConversionRule(
          "weight_decay", 0, rule: "0, since adam had none that is decoupled",
          source: Self.decoupled, doubt: "0.01 to 0.1 is customary"))
    }
    return (rules, state.notes + notes)
  }

  static let unscaled =
    "The batch size changes nothing here: the rate does not follow from the old one, so measure it at "
    + "the new batch size, with 'descent lr-find'."

  // MARK: Batch sizes

  private func scaledAlone() throws(RecipeError) -> ([ConversionRule], [String]) {
    guard let batches else { return ([], []) }
    if source.name == "sgd" {
      guard let rate = source.number("lr") else { return ([], []) }
      return (Self.linear(Estimate(rate), batches) + Self.keptOfSGD(source), Self.sgdNotes(batches))
    }
    var state = try adamW(for: source.name)
    scale(&state, batches)
    var rules = [state.rate.rule("lr")]
    if let decay = state.decay, !decay.steps.isEmpty { rules.append(decay.rule("weight_decay")) }
    rules += state.betas.enumerated().map { $1.rule("betas[\($0)]") }
    if let epsilon = state.epsilon { rules.append(epsilon.rule("eps")) }
    if source.name == "adam", let decay = source.number("weight_decay"), decay != 0 {
      rules.append(
        ConversionRule(
          "weight_decay", decay, rule: "unchanged: it is L2, a part of the gradient",
          source: Self.decoupled, doubt: "no source says how Adam's L2 goes with the batch"))
    }
    return (rules, state.notes)
  }

  private static func linear(
    _ rate: Estimate, _ batches: (from: Int, to: Int)
  ) -> [ConversionRule] {
    let κ = Double(batches.to) / Double(batches.from)
    let root = κ.squareRoot()
    return [
      rate.times(
        κ, min(κ, root)...max(κ, root),
        "lr grows as the batch does: times \(short(κ, 4)) for \(batches.from) to \(batches.to)",
        source: "Goyal et al., 2017, arXiv:1706.02677; by the square root: Krizhevsky, 2014, "
          + "arXiv:1404.5997, and Hoffer et al., 2017, arXiv:1705.08741",
        doubt:
          "on ImageNet it held up to about 8,192 examples and with warmup alone; beyond a critical "
          + "batch size that differs from task to task it asks for too much"
      ).rule("lr")
    ]
  }

  private static func keptOfSGD(_ source: ConversionSource) -> [ConversionRule] {
    ["momentum", "weight_decay"].compactMap { name in
      source.number(name).map {
        ConversionRule(
          name, $0, rule: "unchanged", source: "Goyal et al., 2017, arXiv:1706.02677",
          doubt: "with L2 decay the pull of a step, lr times weight_decay, grows with lr")
      }
    }
  }

  private static func sgdNotes(_ batches: (from: Int, to: Int)) -> [String] {
    batches.to > batches.from
      ? [
        "Warm up to the larger rate, over about 5 epochs in Goyal et al.; steps for the same data are "
          + "fewer, so schedules counted in steps must shorten, too."
      ]
      : ["Steps for the same data are more: schedules counted in steps must lengthen, too."]
  }

  /// AdamW at another batch size.
  private func scale(_ state: inout State, _ batches: (from: Int, to: Int)) {
    let κ = Double(batches.to) / Double(batches.from)
    let root = κ.squareRoot()
    let sde = "Malladi et al., 2022, arXiv:2205.10287"
    let tokens = "Marek et al., 2025, arXiv:2507.07101"
    if κ == 1 { return }
    state.rate = state.rate.times(
      root, min(1, κ)...max(1, κ),
      "lr grows as the square root of the batch: times \(short(root, 4)) for \(batches.from) to "
        + "\(batches.to)",
      source: sde,
      doubt: "derived where noise outweighs the gradient; small language models were found to want "
        + "nearly the same lr (\(tokens)), and others scale linearly below the critical batch size")
    state.decay = state.decay?.keepingProduct.times(
      root, min(1, root)...max(1, root),
      "weight_decay grows with the batch over lr, so that 1/(lr·weight_decay) stays the same in epochs",
      source: "Wang and Aitchison, 2024, arXiv:2405.13698",
      doubt: "many leave it as it is; \(sde) does not speak of it")
    if state.betas.count == 2 {
      let (β1, β2) = (state.betas[0].value, state.betas[1].value)
      let asRoot = 1 - κ * (1 - β1)
      state.betas[0].steps.append(
        .init(
          rule: "unchanged", source: tokens,
          doubt: asRoot > 0.5
            ? "the square-root rule itself would make it \(short(asRoot, 3))"
            : "the square-root rule speaks of it only while 1 − β₁ times the batch's growth is small"
        ))
      let scaled = 1 - κ * (1 - β2)
      if scaled >= 0.5 {
        let half = pow(β2, κ)
        state.betas[1].value = scaled
        state.betas[1].low = min(half, scaled, β2)
        state.betas[1].high = max(half, scaled, β2)
        state.betas[1].steps.append(
          .init(
            rule: "1 − β₂ grows with the batch, so that it looks back over as many examples",
            source: "\(sde); \(tokens) keeps the half-life in tokens, β₂ to the power of "
              + "\(short(κ, 4))",
            doubt: "most runs keep β₂; it matters most when batches become small"))
      } else {
        state.betas[1].steps.append(
          .init(
            rule: "unchanged: 1 − β₂ times \(short(κ, 4)) is \(short(1 - scaled, 3)), and the rule "
              + "that scales it ends well below 1",
            source: sde, doubt: "a smaller β₂ may suit so large a batch; no source says which"))
      }
    }
    state.epsilon = state.epsilon?.times(
      1 / root, min(1, 1 / root)...max(1, 1 / root),
      "eps shrinks as the square root of the batch grows", source: sde,
      doubt: "it matters only where eps is not far below the gradient's size")
    state.notes.append(
      batches.to > batches.from
        ? "Steps for the same data are fewer: schedules counted in steps must shorten, too."
        : "Steps for the same data are more: schedules counted in steps must lengthen, too.")
  }

  // MARK: To AdamW

  private func adamW(for to: String) throws(RecipeError) -> State {
    func refuse(_ sentence: String) -> RecipeError { RecipeError(problems: [sentence]) }
    let name = source.name
    let given = source.number("lr").map(Estimate.init)
    let decay = source.number("weight_decay").map(Estimate.init)
    let betas = source.numbers("betas").map(Estimate.init)
    guard let rate = given, rate.value > 0 || name == "adafactor" else {
      if name == "adafactor" { throw refuse(Self.relative) }
      throw refuse(
        "lr is \(given.map { short($0.value) } ?? "none"): give the learning rate that worked")
    }
    switch name {
    case "adamw":
      return State(
        rate: rate, decay: decay, betas: betas, epsilon: source.number("eps").map(Estimate.init))
    case "adam":
      var state = State(
        rate: rate, betas: betas, epsilon: source.number("eps").map(Estimate.init))
      if to != "adam" { state.notes = Self.ofL2(decay?.value ?? 0, for: to) }
      return state
    case "lion":
      return State(
        rate: rate.times(
          Literature.lionFactor, Literature.lionFactors, "AdamW's lr is 3 to 10 times Lion's",
          source: Literature.lion.cite,
          doubt: Literature.lion.doubt),
        decay: decay?.keepingProduct.times(
          1 / Literature.lionFactor, Literature.lionRates,
          "its weight_decay is 3 to 10 times lower, so that lr·weight_decay stays",
          source: Literature.lion.cite, doubt: ""), betas: [])
    case "sophia-g", "sophia-h":
      return State(
        rate: rate.times(
          1.25, 1...2, "AdamW's lr is a little larger than Sophia's",
          source: Literature.sophia.cite,
          doubt: Literature.sophia.doubt),
        decay: decay?.times(
          0.5, 0.5...1, "its weight_decay is about half of Sophia's",
          source: Literature.sophia.cite,
          doubt: ""), betas: [])
    case "muon": return try ofMuon(rate, decay)
    case "prodigy":
      guard let d = source.distance else {
        throw refuse(
          "Prodigy's lr of \(short(rate.value)) is a factor of d, which only its run knows: give the "
            + "last d of its metrics, such as --set d=2e-4")
      }
      var state = State(
        rate: rate.times(
          d, d...d, "AdamW's lr is d·lr, the rate that acted",
          source: "Mishchenko and Defazio, 2023, "
            + "arXiv:2306.06101",
          doubt: "d is an estimate that never falls; a d that still rose at the end is too small"),
        decay: decay, betas: betas)
      state.decay?.steps.append(
        .init(
          rule: "weight_decay stays: Prodigy scales it by d·lr as AdamW does by lr",
          source: "prodigyopt's README", doubt: "with decouple=false it was L2 instead"))
      return state
    case "adafactor":
      guard source.has("relative_step", "false"), source.has("scale_parameter", "false") else {
        throw refuse(Self.relative)
      }
      return State(
        rate: rate.times(
          1, 1...1, "lr stays: without relative steps Adafactor's means what AdamW's does",
          source: Literature.adafactor.cite, doubt: Literature.adafactor.doubt), decay: decay,
        betas: [])
    case "schedule-free-adamw":
      return State(
        rate: rate.times(
          1.0 / 3, 0.1...1, "AdamW's lr is 1 to 10 times lower",
          source: Literature.scheduleFree.cite,
          doubt: Literature.scheduleFree.doubt), decay: decay, betas: [],
        notes: ["AdamW needs a schedule that ends low, such as cosine; Schedule-Free had none."])
    case "sgd":
      return ofSGD(rate, decay)
    default: throw refuse("no source gives a rule from \(name)")
    }
  }

  static let relative =
    "with relative_step or scale_parameter Adafactor's steps are relative to the size of the weights, so no "
    + "rate of another optimizer follows; 'descent lr-find' measures one"

  static let decoupled = "Loshchilov and Hutter, 2019, arXiv:1711.05101"

  private static func ofL2(_ decay: Double, for to: String) -> [String] {
    if decay == 0 { return [] }
    if to == "sgd" {
      return [
        "adam's weight_decay of \(short(decay)) is L2 as SGD's, but divided by the size of the "
          + "gradients: no source gives a factor. 1e-4 to 5e-4 is customary for SGD."
      ]
    }
    return [
      "adam's weight_decay of \(short(decay)) is L2, bent by the adaptive rate: no source converts "
        + "it to decoupled decay. Loshchilov and Hutter, 2019 (arXiv:1711.05101) tune it anew; 0.01 to "
        + "0.1 is customary."
    ]
  }

  private func ofMuon(_ rate: Estimate, _ decay: Estimate?) throws(RecipeError) -> State {
    let betas = source.numbers("adamw_betas").map(Estimate.init)
    if source.has("adjust_lr_fn", "match_rms_adamw") {
      return State(
        rate: rate.times(
          1, 0.5...1, "lr stays: match_rms_adamw makes Muon's steps as large as AdamW's",
          source: Literature.muon.cite, doubt: Literature.muon.doubt), decay: decay, betas: betas)
    }
    guard source.set.contains("adamw_lr"), let own = source.number("adamw_lr"), own > 0 else {
      throw RecipeError(problems: [
        "with adjust_lr_fn=original Muon's lr means another step for each shape, so AdamW's does not "
          + "follow from it; give the adamw_lr that its other parameters had, or adjust_lr_fn=match_rms_adamw"
      ])
    }
    var state = State(
      rate: Estimate(own).times(
        1, 1...1, "lr is adamw_lr, with which Muon's AdamW part trained embeddings and head",
        source: "Jordan et al., 2024, https://kellerjordan.github.io/posts/muon",
        doubt: "tuned for those parameters, not for the matrices"), betas: betas)
    if let decay {
      state.notes = [
        "Muon's weight_decay of \(short(decay.value)) acted times its own lr: AdamW's is left to you."
      ]
    }
    return state
  }

  private func ofSGD(_ rate: Estimate, _ decay: Estimate?) -> State {
    let start = Literature.adamRate
    var new = Estimate(start)
    (new.low, new.high) = (1e-4, 1e-2)
    new.steps = [
      .init(
        rule: "a customary start, which does not follow from SGD's rate",
        source: "1e-3: Kingma and Ba, 2015, arXiv:1412.6980; 1e-4 to 1e-2: what AlgoPerf searches",
        doubt: Literature.sgd.doubt)
    ]
    return State(
      rate: new,
      decay: decay.map {
        Self.moved(
          $0, from: rate.value / Self.room(source.number("momentum") ?? 0), to: new, room: 1)
      }, betas: [])
  }

  /// 1 − momentum: what a rate is divided by when steps add up.
  static func room(_ momentum: Double) -> Double { max(1e-3, 1 - momentum) }

  /// Decay whose pull in a step, lr·weight_decay or lr·weight_decay/(1 − momentum), stays when the rate
  /// becomes another.
  static func moved(
    _ decay: Estimate, from rate: Double, to new: Estimate, room: Double
  ) -> Estimate {
    let factor = { rate * room / $0 }
    return decay.keepingProduct.times(
      factor(new.value), factor(new.high)...factor(new.low),
      "the pull of a step stays: lr·weight_decay, for SGD over 1 − momentum",
      source: Literature.coupledDecay,
      doubt: "SGD's decay joins the gradient, so that momentum smooths it, too")
  }
}
