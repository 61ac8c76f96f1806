import Descent

/// `adafactor_modes`: an external rate together with steps relative to the weights.
enum AdafactorModes: LintRule {
  static let name = "adafactor_modes"
  static let summary = "Adafactor in two modes at once"
  static let source = """
    transformers' documentation of Adafactor; Shazeer and Stern, 2018, arXiv:1804.04235
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.compactMap { part in
      // Rates from a hundredth on are meant relative to the weights, as in the paper.
      guard part.ruleName == "adafactor", let peak = part.peak, peak < 1e-2,
        !part.isOn("relative_step"),
        part.number("lr") != nil, part.isOn("scale_parameter")
      else { return nil }
      let key = part.key("scale_parameter")
      return warning(
        in: subject, at: key, "true",
        because: "scale_parameter multiplies lr=\(short(peak)) by the size of the weights: where "
          + "they are about 0.02, as at the start of a transformer, the steps are "
          + "\(short(0.02 * peak)) long",
        changes: [.init(key, "false")],
        advice: "or leave lr to relative_step=true, which is meant to be scaled")
    }.withoutRepeats
  }
}
