import Descent
import Foundation

/// `foreign_rate`: a rule with the rate of another.
enum ForeignRate: LintRule {
  static let name = "foreign_rate"
  static let summary = "a learning rate or a decay that belongs to another rule"
  static let source =
    "Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.flatMap { part -> [LintWarning] in
      guard let peak = part.peak, peak > 0 else { return [] }
      if part.findsRate { return finding(part, peak, subject) }
      switch part.ruleName {
      case "lion": return lion(part, peak, subject)
      case "muon": return muon(part, peak, subject)
      case "sgd": return sgd(part, peak, subject)
      case "schedule-free-sgd" where peak < 1e-2 && subject.isFromScratch:
        return [
          rate(
            part, peak, 1,
            "takes 10 to 50 times the rates of SGD, and this is one of AdamW's: its "
              + "average hardly moves",
            "Defazio et al., The Road Less Scheduled, 2024, arXiv:2405.15682", subject)
        ]
      case "lars" where peak < 0.05 && (part.number("trust_coefficient") ?? 0.001) <= 0.01:
        return [
          rate(
            part, peak, 1,
            "multiplies lr by a trust of 0.001: a step moves a layer by "
              + "\(short(1e-3 * peak)) of its norm", "You et al., 2017, arXiv:1708.03888", subject)
        ]
      case _ where part.isAdamLike: return adam(part, peak, subject)
      default: return []
      }
    }.withoutRepeats
  }

  /// A warning about the peak, with a better one.
  private static func rate(
    _ part: LintPart, _ peak: Double, _ new: Double, _ what: String, _ source: String,
    _ subject: LintSubject, and others: [LintWarning.Change] = [], advice: String = ""
  ) -> LintWarning {
    let key = subject.rateKey(of: part)
    return warning(
      in: subject, at: key, SettingValue.text(of: peak),
      because: "lr=\(short(max(peak, key == part.key("lr") ? part.number("lr") ?? 0 : 0))): "
        + "\(part.ruleName) \(what)", changes: [.init(key, new)] + others,
      advice: advice, source: source)
  }

  private static func finding(
    _ part: LintPart, _ peak: Double, _ subject: LintSubject
  ) -> [LintWarning] {
    if (0.5...2).contains(peak) { return [] }
    let coefficient = part.rule.has("d_coef") ? "to train faster or slower, change d_coef" : ""
    return [
      rate(
        part, peak, 1,
        "estimates its own rate d and takes steps of d·lr, so they become "
          + (peak < 1
            ? "\(LintWarning.ratio(1 / peak)) times too small"
            : "\(LintWarning.ratio(peak)) times too large"),
        "Mishchenko and Defazio, Prodigy, 2023, arXiv:2306.06101: lr stays at 1", subject,
        advice: coefficient)
    ]
  }

  private static func lion(
    _ part: LintPart, _ peak: Double, _ subject: LintSubject
  ) -> [LintWarning] {
    // Between AdamW's rates and Lion's, the decay tells whose they are.
    let decay = part.number("weight_decay") ?? 0
    if peak <= 2.5e-4 || (peak <= 3.4e-4 && !(0.001..<0.2).contains(decay)) { return [] }
    let new = min(peak / Literature.lionFactor, 3e-4).rounded(digits: 2)
    var others: [LintWarning.Change] = []
    if decay > 0, !part.follows("weight_decay") {
      let raised = (decay * min(Literature.lionFactors.upperBound, peak / new)).rounded(digits: 2)
      others = [.init(part.key("weight_decay"), raised)]
    }
    return [
      rate(
        part, peak, new,
        "moves every weight by lr in every step, where AdamW's steps are mostly "
          + "shorter: its rates are 3 to 10 times lower than AdamW's, its decay 3 to 10 times higher",
        source, subject, and: others)
    ]
  }

  private static func muon(
    _ part: LintPart, _ peak: Double, _ subject: LintSubject
  ) -> [LintWarning] {
    let isMatched = part.text("adjust_lr_fn") == "match_rms_adamw"
    let matrix = part.plan.parameters.filter { part.rule.updateName(for: $0) != "adamw" }
      .max { $0.count < $1.count }
    guard let matrix, matrix.shape.count > 1, !isMatched, peak < 2e-3 else { return [] }
    let columns = matrix.shape.dropFirst().reduce(1, *)
    let move = peak / Double(max(matrix.shape[0], columns)).squareRoot()
    let key = part.key("adjust_lr_fn")
    return [
      warning(
        in: subject, at: subject.rateKey(of: part), SettingValue.text(of: peak),
        because:
          "lr=\(short(peak)) is a rate of AdamW's; Muon's steps are orthogonal matrices, so it "
          + "moves a weight of a \(matrix.shape[0]) × \(columns) matrix by about \(short(move)), far "
          + "less than AdamW would; 0.02 is usual",
        changes: [.init(key, "match_rms_adamw")],
        advice: "steps are then as large as AdamW's",
        source: "Liu et al., Muon is Scalable for LLM Training, 2025, arXiv:2502.16982; Keller "
          + "Jordan's Muon has 0.02")
    ]
  }

  private static func sgd(
    _ part: LintPart, _ peak: Double, _ subject: LintSubject
  ) -> [LintWarning] {
    var found: [LintWarning] = []
    let he =
      "He et al., Deep Residual Learning, 2016, arXiv:1512.03385: 0.1, momentum 0.9, decay 1e-4"
    let momentum = part.number("momentum") ?? 0
    let effective = peak / max(1e-9, 1 - momentum)
    if effective < 2e-3, subject.isFromScratch {
      found.append(
        rate(
          part, peak, Literature.sgdRate,
          "multiplies the gradient by lr\(momentum > 0 ? " and adds up to \(short(effective))" : ""): "
            + "a rate of AdamW's, whose steps do not depend on the gradient's size, hardly moves it",
          he, subject, advice: "descent lr-find looks for a better one"))
    }
    if let decay = part.number("weight_decay"), decay >= 0.02 {
      let key = part.key("weight_decay")
      found.append(
        warning(
          in: subject, at: key, SettingValue.text(of: decay),
          because:
            "λ=\(short(decay)) is a decay of AdamW's, which multiplies it by a rate of about "
            + "1e-3; with lr=\(short(peak))"
            + (momentum > 0 ? " and momentum \(short(momentum))" : "")
            + " it shrinks the weights by \(percent(effective * decay, 1)) a step",
          changes: [.init(key, "5e-4")], source: he))
    }
    return found
  }

  private static func adam(
    _ part: LintPart, _ peak: Double, _ subject: LintSubject
  ) -> [LintWarning] {
    let tuning = "Devlin et al., BERT, 2019, arXiv:1810.04805: 2e-5 to 5e-5"
    if peak > 0.03, part.ruleName != "schedule-free-adamw" {
      // Other tools train mostly from pretrained weights.
      let (new, source) =
        subject.facts.isLowRank == true
        ? (Literature.adapterRate, "Dettmers et al., QLoRA, 2023, arXiv:2305.14314: 2e-4")
        : subject.facts.isFineTuning == true
          ? (Literature.tuningRate, tuning)
          : subject.isForeign
            ? (5e-5, "TrainingArguments has 5e-5; \(tuning)")
            : (Literature.adamRate, "Kingma and Ba, Adam, 2015, arXiv:1412.6980: 1e-3")
      return [
        rate(
          part, peak, new,
          "moves a weight by up to lr in a step, whatever its gradient: a rate of SGD's throws "
            + "weights of about 0.02 to 0.1 away in a few steps", source, subject)
      ]
    }
    if subject.facts.isLowRank == true, peak <= 3e-5 {
      return [
        rate(
          part, peak, Literature.adapterRate,
          "trains adapters here, which take about 10 times the rates of a full "
            + "fine-tuning",
          "Schulman and Thinking Machines Lab, LoRA Without Regret, 2025; Dettmers et al., QLoRA, "
            + "2023, arXiv:2305.14314: 2e-4", subject)
      ]
    }
    if subject.tunesPretrained, subject.isTransformer, peak > 3e-4 {
      return [
        rate(
          part, peak, Literature.tuningRate,
          "trains all weights of a pretrained transformer here, and a rate of "
            + "pretraining makes it forget",
          tuning, subject)
      ]
    }
    return []
  }
}
