import Descent

/// `instruments`: what training measures at every N-th step, beside the metrics of each. Off by default.
///
/// Training is the same to the bit with instruments and without. P being the number of trainable
/// weights, a measured step costs:
///
/// | | passes | bytes while it is measured | bytes all along |
/// |---|---|---|---|
/// | always | one forward; forward and backward too with `release_gradients` | 4·P, 8·P with `release_gradients` | none |
/// | `noise` | forward and backward for as many examples as a step has | 8·P | none |
/// | `curvature` | 8 forward and backward, at the first measured step 32 | 24·P | 4·P |
/// | `distance` | none | none | 4·P, and as much in `initial.safetensors` |
/// | `histograms` | none, about six times the metrics | none | none |
public struct InstrumentSettings: Configurable {
  /// Steps between measured ones; 0 measures nothing.
  public var every = 0
  /// Whether the noise of the gradient is measured.
  public var noise = true
  /// The parts that the noise is measured from where a step has one micro-batch.
  public var parts = 4
  /// Whether the largest curvature is estimated.
  public var curvature = true
  /// Whether the distance from the first weights is measured.
  public var distance = true
  /// Whether histograms are written.
  public var histograms = false

  public init() {}

  public static let name = "instruments"
  public static let settings: [Setting<InstrumentSettings>] = [
    .integer("every", \.every, .atLeast(0), "measure at every N-th step; 0: never"),
    .flag("noise", \.noise, "measure the noise of the gradient: one more step's time"),
    .integer(
      "parts", \.parts, .closed(2, 64),
      "batches that the noise is measured from where a step has one micro-batch"),
    .flag("curvature", \.curvature, "estimate the largest curvature: eight more steps' time"),
    .flag("distance", \.distance, "measure the distance from the first weights, which are kept"),
    .flag("histograms", \.histograms, "write histograms of weights, gradients and updates"),
  ]
}
