import Descent
import DescentTraining

/// `batch_scaling`: a batch far from the one that the rate was found for.
enum BatchScaling: LintRule {
  static let name = "batch_scaling"
  static let summary = "batch and rate far from the scaling rule"
  static let source = """
    Goyal et al., 2017, arXiv:1706.02677 (SGD: linear); Malladi et al., On the SDEs and Scaling Rules \
    for Adaptive Gradient Algorithms, 2022, arXiv:2205.10287 (Adam: square root)
    """

  /// Rules of one kind have rates of one kind.
  private static func family(_ rule: String) -> String? {
    ["adam", "adamw", "nadam", "radam"].contains(rule) ? "adam" : rule == "sgd" ? "sgd" : nil
  }

  /// The weights of a model on data of some usual shape, and the examples that one of its batches
  /// counts for: the tokens of a text.
  private static func size(_ model: any ModelKind) -> (weights: Double, examples: Double)? {
    if let model = model as? any LanguageModelKind {
      return (model.size(vocabulary: 64).weights, Double(model.context))
    }
    if let model = model as? any PredictorKind {
      return (model.size(shape: [1, 8, 8], outputs: 10).weights, 1)
    }
    return nil
  }

  static func check(_ subject: LintSubject) -> [LintWarning] {
    guard !subject.isForeign, let batch = subject.facts.effectiveBatch,
      let part = subject.parts.max(by: { $0.weights < $1.weights }), let peak = part.peak, peak > 0,
      let family = family(part.ruleName), let own = size(subject.recipe.model)
    else { return [] }
    let known = BuiltInRecipes.list.compactMap { entry -> (String, Double, Double)? in
      // Rates of fine-tuning are no measure.
      guard let base = try? Recipe(yaml: entry.yaml), base.run.from == nil, base.adapter == nil,
        type(of: base.model).name == type(of: subject.recipe.model).name,
        Self.family(base.plan.ruleName) == family, let rate = base.peakRate,
        let size = size(base.model), (0.25...4).contains(own.weights / size.weights)
      else { return nil }
      return (entry.name, rate, Double(base.run.batch.magnitude) * size.examples)
    }
    guard let (name, rate, examples) = known.first else { return [] }
    let factor = Double(batch) * own.examples / examples
    if (0.3...3.5).contains(factor) { return [] }
    let isSGD = family == "sgd"
    let scaled = rate * (isSGD ? factor : factor.squareRoot())
    let right = min(scaled, isSGD ? 1 : 0.01)
    let ratio = peak / right
    if (0.3...3.5).contains(ratio) { return [] }
    let by = isSGD ? "as the batch" : "as its square root"
    return [
      warning(
        in: subject, at: subject.rateKey(of: part), SettingValue.text(of: peak),
        because:
          "a step sees \(counted(batch, "example")), \(LintWarning.ratio(factor)) times as much as in the "
          + "recipe \(name), where lr=\(short(rate)): grown \(by), the rate would be "
          + "\(short(scaled)), and \(short(peak)) is "
          + (ratio < 1
            ? "\(LintWarning.ratio(1 / ratio)) times less"
            : "\(LintWarning.ratio(ratio)) times more"),
        changes: [.init(subject.rateKey(of: part), right.rounded(digits: 2))],
        advice: "a rule of thumb; descent lr-find looks for a better one")
    ]
  }
}
