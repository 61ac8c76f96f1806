import Descent
import DescentTraining

extension HyperparameterConverter {
  /// The settings of an optimizer from AdamW's.
  func fromAdamW(
    _ state: State, _ to: String
  ) throws(RecipeError) -> (rules: [ConversionRule], notes: [String]) {
    let (rate, decay) = (state.rate, state.decay)
    switch to {
    case "adamw", "adam": return toAdam(state, to)
    case "lion": return toLion(state)
    case "sophia-g", "sophia-h": return toSophia(state, to)
    case "muon": return toMuon(state)
    case "prodigy": return toProdigy(state)
    case "adafactor":
      let kept = rate.times(
        1, 1...1, "lr stays: without relative steps Adafactor's means what AdamW's does",
        source: Literature.adafactor.cite, doubt: Literature.adafactor.doubt)
      var rules = [kept.rule("lr")]
      for name in ["relative_step", "scale_parameter"] {
        rules.append(
          ConversionRule(
            name, .text("false"), rule: "off, so that lr acts alone",
            source: Literature.adafactor.cite,
            doubt: "on, Adafactor needs no lr at all: its other way to be used"))
      }
      if let decay {
        rules.append(
          decay.times(
            1, 1...1, "weight_decay stays: it is decoupled and scaled by lr, too",
            source: Literature.adafactor.cite, doubt: "rarely used with it"
          ).rule("weight_decay"))
      }
      return (
        rules,
        [
          "Leave out gradient clipping: clip_threshold limits the steps (transformers' documentation).",
          "Adafactor keeps no momentum; beta1=0.9 brings it back, and its memory.",
        ]
      )
    case "schedule-free-adamw":
      let freed = rate.times(
        3, 1...10, "lr is 1 to 10 times AdamW's", source: Literature.scheduleFree.cite,
        doubt: Literature.scheduleFree.doubt)
      return (
        [freed.rule("lr")] + kept(decay, "weight_decay", Literature.scheduleFree.cite),
        ["Use no schedule (schedule=none) and give warmup_steps instead."]
      )
    case "sgd": return toSGD(state)
    default:
      throw RecipeError(problems: ["no source gives a rule to \(to)"])
    }
  }

  private func kept(
    _ estimate: Estimate?, _ setting: String, _ source: String
  ) -> [ConversionRule] {
    guard let estimate else { return [] }
    return [
      estimate.times(1, 1...1, "unchanged", source: source, doubt: "").rule(setting)
    ]
  }

  private func toAdam(_ state: State, _ to: String) -> ([ConversionRule], [String]) {
    let both = Self.adams.contains(source.name)
    let paper = Self.decoupled
    var rules = [
      both && state.rate.steps.isEmpty
        ? state.rate.times(
          1, 1...1, "lr stays: the steps are the same", source: paper, doubt: ""
        ).rule("lr") : state.rate.rule("lr")
    ]
    var notes: [String] = []
    if let decay = state.decay {
      if to == "adamw" {
        let own =
          decay.steps.isEmpty
          ? decay.times(
            1, 1...1, "weight_decay stays: both scale decoupled decay by lr", source: paper,
            doubt: "")
          : decay
        rules.append(own.rule("weight_decay"))
      } else if decay.value != 0 {
        notes.append(
          "adam's weight_decay is L2, bent by the adaptive rate: no source gives the one that does what "
            + "a decoupled \(short(decay.value)) does, so it is left out. Prefer adamw (\(paper)).")
      }
    }
    if both || state.betas.contains(where: { !$0.steps.isEmpty }) {
      rules += state.betas.enumerated().map { index, beta in
        beta.steps.isEmpty
          ? beta.times(1, 1...1, "unchanged", source: paper, doubt: "").rule("betas[\(index)]")
          : beta.rule("betas[\(index)]")
      }
      if let epsilon = state.epsilon {
        if !epsilon.steps.isEmpty {
          rules.append(epsilon.rule("eps"))
        } else if source.set.contains("eps") {
          rules += kept(epsilon, "eps", paper)
        }
      }
    }
    return (rules, notes)
  }

  private func toLion(_ state: State) -> ([ConversionRule], [String]) {
    var rules = [
      state.rate.times(
        1 / Literature.lionFactor, Literature.lionRates,
        "lr is 3 to 10 times smaller than AdamW's", source: Literature.lion.cite,
        doubt: Literature.lion.doubt
      ).rule("lr")
    ]
    if let decay = state.decay {
      rules.append(
        decay.keepingProduct.times(
          Literature.lionFactor, Literature.lionFactors,
          "weight_decay is 3 to 10 times larger, so that lr·weight_decay stays",
          source: Literature.lion.cite,
          doubt: "change it by the factor that you take for lr, as the race below does"
        ).rule("weight_decay"))
    }
    for (index, value, other) in [(0, 0.9, 0.95), (1, 0.99, 0.98)] {
      rules.append(
        ConversionRule(
          "betas[\(index)]", value, min(value, other)...max(value, other),
          rule: "Lion's own default; AdamW's mean something else", source: Literature.lion.cite,
          doubt: "0.95, 0.98 for language models or where training is unstable"))
    }
    return (
      rules,
      [
        "Change the floor and the start of a schedule by the same factor as its peak (lion-pytorch)."
      ]
    )
  }

  private func toSophia(_ state: State, _ to: String) -> ([ConversionRule], [String]) {
    var rate = state.rate.times(
      0.8, 0.5...1, "lr is a little smaller than AdamW's", source: Literature.sophia.cite,
      doubt: Literature.sophia.doubt)
    if source.name == "lion", let own = source.number("lr") {
      rate = Estimate(own).times(
        4, 3...5, "lr is 3 to 5 times Lion's", source: Literature.sophia.cite,
        doubt: "for GPT-2 the README says 5 to 10 times")
    }
    var rules = [rate.rule("lr")]
    if let decay = state.decay {
      rules.append(
        decay.times(
          2, 1...2, "weight_decay is about twice AdamW's", source: Literature.sophia.cite,
          doubt: "slightly larger, such as 0.2, for GPT-2"
        ).rule("weight_decay"))
    }
    if to == "sophia-g" {
      rules.append(
        ConversionRule(
          "rho", SophiaG.defaults.rho, 0.03...0.08,
          rule: "the reference's default; 0.05 for GPT-2; larger clips fewer elements",
          source: Literature.sophia.cite,
          doubt: "tune it so that 10 to 50 % of the elements are not clipped"))
    }
    return (rules, ["Estimates of the Hessian cost a pass every 10 steps or so."])
  }

  private func toMuon(_ state: State) -> ([ConversionRule], [String]) {
    var rules = [
      state.rate.times(
        1, 1...2, "lr stays: match_rms_adamw makes Muon's steps as large as AdamW's",
        source: Literature.muon.cite, doubt: Literature.muon.doubt
      ).rule("lr"),
      ConversionRule(
        "adjust_lr_fn", .text("match_rms_adamw"), rule: "so that AdamW's rate fits",
        source: Literature.muon.cite,
        doubt: "with original, lr is in other units: 0.02 is customary"),
      state.rate.times(
        1, 1...1, "AdamW's lr, for embeddings, head, norms and biases",
        source: Literature.muon.cite,
        doubt: "a schedule of lr does not drive it: schedule both"
      ).rule("adamw_lr"),
    ]
    rules += kept(state.decay, "weight_decay", Literature.muon.cite)
    if Self.adams.contains(source.name), source.set.contains("betas") || batches != nil {
      rules += state.betas.enumerated().map { index, beta in
        beta.times(
          1, 1...1, "AdamW's betas, for those parameters", source: Literature.muon.cite, doubt: ""
        ).rule("adamw_betas[\(index)]")
      }
    }
    return (rules, ["Muon is for hidden matrices; the rest keeps AdamW."])
  }

  private func toProdigy(_ state: State) -> ([ConversionRule], [String]) {
    let readme = "Mishchenko and Defazio, 2023, arXiv:2306.06101, and prodigyopt's README"
    var rules = [
      ConversionRule(
        "lr", 1, rule: "1 for all networks: d takes the place of AdamW's rate", source: readme,
        doubt: "to make steps larger or smaller change d_coef (0.5 to 2), not lr")
    ]
    rules += kept(state.decay, "weight_decay", readme)
    if !state.betas.isEmpty {
      rules += state.betas.enumerated().map { index, beta in
        beta.times(
          1, 1...1, "unchanged", source: readme,
          doubt: "0.9, 0.99 helped some diffusion models"
        ).rule("betas[\(index)]")
      }
    }
    for (name, why, doubt) in [
      (
        "safeguard_warmup", "keeps a warmup from making d too large",
        "off by default there; without a warmup it changes nothing"
      ),
      (
        "use_bias_correction", "advised for diffusion models",
        "off by default there; it makes the first steps smaller, 0.3 times with betas of 0.9, 0.999"
      ),
    ] {
      rules.append(
        ConversionRule(name, .text("true"), rule: why, source: readme, doubt: doubt))
    }
    return (
      rules,
      [
        "Use no schedule or one cosine without restarts, and no gradient clipping that acts at every "
          + "step: d is estimated from the gradients.",
        "If AdamW's rate was well tuned, d·lr should come near \(short(state.rate.value)): watch it in "
          + "the metrics. A d that stays far below is stuck: raise d0.",
      ]
    )
  }

  private func toSGD(_ state: State) -> ([ConversionRule], [String]) {
    var rate = Estimate(Literature.sgdRate)
    (rate.low, rate.high) = (0.01, 1)
    rate.steps = [
      .init(
        rule: "a customary start, which does not follow from \(source.name)'s rate",
        source:
          "0.1 for batches of 256: He et al., 2016, arXiv:1512.03385; 0.01 to 1: what benchmarks "
          + "search", doubt: Literature.sgd.doubt)
    ]
    var rules = [
      rate.rule("lr"),
      ConversionRule(
        "momentum", 0.9, 0.8...0.98, rule: "the customary one",
        source: "He et al., 2016, arXiv:1512.03385",
        doubt: "AlgoPerf searches it together with lr"),
    ]
    if let decay = state.decay {
      rules.append(
        Self.moved(decay, from: state.rate.value, to: rate, room: Self.room(0.9))
          .rule("weight_decay"))
    }
    return (rules, [])
  }

  private func positiveRate() throws(RecipeError) -> Double {
    guard let rate = source.number("lr"), rate > 0 else {
      throw RecipeError(problems: [
        "lr is \(source.number("lr").map { short($0) } ?? "none"): give the learning rate that worked"
      ])
    }
    return rate
  }

  func ofScheduleFreeSGD() throws(RecipeError) -> ([ConversionRule], [String]) {
    let bound = Estimate(try positiveRate()).times(
      0.1, 0.02...0.1, "SGD's lr is 10 to 50 times lower", source: Literature.scheduleFree.cite,
      doubt: Literature.scheduleFree.doubt)
    let decay = source.number("weight_decay").map(Estimate.init)
    return (
      [
        bound.rule("lr"),
        ConversionRule(
          "momentum", 0.9, rule: "the customary one", source: "He et al., 2016, arXiv:1512.03385",
          doubt: "the authors compare with SGD with momentum"),
      ] + kept(decay, "weight_decay", Literature.scheduleFree.cite),
      ["SGD needs a schedule that ends low, such as cosine; Schedule-Free had none."]
        + (batches == nil ? [] : ["The batch size was left alone: scale sgd then, sgd to sgd."])
    )
  }

  func scheduleFreeSGD() throws(RecipeError) -> ([ConversionRule], [String]) {
    let rate = try positiveRate()
    let freed = Estimate(rate).times(
      10, 10...50, "lr is 10 to 50 times SGD's", source: Literature.scheduleFree.cite,
      doubt: Literature.scheduleFree.doubt)
    let decay = source.number("weight_decay").map(Estimate.init)
    return (
      [freed.rule("lr")] + kept(decay, "weight_decay", Literature.scheduleFree.cite),
      ["Use no schedule (schedule=none) and give warmup_steps instead."]
        + (batches == nil ? [] : ["The batch size was left alone: scale sgd first, sgd to sgd."])
    )
  }
}
