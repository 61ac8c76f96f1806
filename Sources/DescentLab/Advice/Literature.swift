/// What papers and authors say of optimizers: who says it, and why to doubt it; one place for
/// what lint, conversions and recommendations go by.
enum Literature {
  /// Who says something, and why it may be wrong.
  struct Source {
    let cite: String
    let doubt: String
  }

  static let lion = Source(
    cite: "Chen et al., 2023, arXiv:2302.06675, section 5",
    doubt:
      "in lion-pytorch's own trials a third was best and a tenth worst; Lion wants batches of 64 "
      + "and more")
  static let sophia = Source(
    cite: "Liu et al., 2023, arXiv:2305.14342, and the authors' README (Liuhong99/Sophia)",
    doubt:
      "the README says slightly smaller, about the same for GPT-2, where its table has 1 to 2.3 "
      + "times Adam's; an earlier one said half")
  static let muon = Source(
    cite: "Liu et al., 2025, arXiv:2502.16982: steps of 0.2·√max(rows, columns)",
    doubt:
      "AdamW's updates have an RMS of 0.2 to 0.4, so up to twice the rate may fit; measured on "
      + "large language models")
  static let adafactor = Source(
    cite: "Shazeer and Stern, 2018, arXiv:1804.04235 (steps clipped to an RMS of 1); transformers' "
      + "documentation of Adafactor (a rate from outside needs both switches off)",
    doubt: "nobody states a factor: a start to measure around, with warmup")
  static let scheduleFree = Source(
    cite: "Defazio et al., 2024, the authors' README (facebookresearch/schedule_free)",
    doubt: "the authors say that it seems to work, and that rate and decay need tuning")
  static let sgd = Source(
    cite: "He et al., 2016, arXiv:1512.03385",
    doubt: "no source gives a factor between Adam's rate and SGD's: it depends on the size of the "
      + "gradients (Keskar and Socher, 2017, arXiv:1712.07628, measure it in the run); "
      + "'descent lr-find' does")
  /// How the decay of SGD goes with that of AdamW.
  static let coupledDecay = "Loshchilov and Hutter, 2019, arXiv:1711.05101, proposition 1"

  /// By how much Lion's rates are lower than AdamW's, and its decay higher: the usual one, and all.
  static let lionFactor = 5.0
  static let lionFactors = 3.0...10.0
  /// Lion's rates as shares of AdamW's.
  static let lionRates = 1 / lionFactors.upperBound...1 / lionFactors.lowerBound

  /// The customary rate of SGD, with momentum 0.9 and batches of 256.
  static let sgdRate = 0.1
  /// The customary rate of Adam and AdamW from random weights (Kingma and Ba, 2015).
  static let adamRate = 1e-3
  /// That of fine-tuning all weights of a transformer (Devlin et al., 2019; Touvron et al., 2023).
  static let tuningRate = 2e-5
  /// That of adapters (Dettmers et al., QLoRA, 2023).
  static let adapterRate = 2e-4
}
