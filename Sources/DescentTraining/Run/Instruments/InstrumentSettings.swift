import Descent

/// `instruments`: what training measures at every N-th step, beside the metrics of each. Off by default.
///
/// Training is the same to the bit with instruments and without. What a measured step costs, P being
/// the number of trainable weights and a pass the time of a forward and a backward pass of the step:
///
/// | | time | bytes while it is measured | bytes all along |
/// |---|---|---|---|
/// | always | a forward pass | 8·P | none |
/// | `noise` | a pass | 8·P | none |
/// | `curvature` | 8 passes; the first time 32 | 28·P | 4·P |
/// | `distance` | none | 4·P | 4·P |
///
/// With `release_gradients` there is one more pass, and 4·P bytes for its gradients. `distance` keeps the
/// first weights in `initial.safetensors`, so that it is right in a run that is resumed; one that began
/// without instruments has no distance. `histograms` cost lines in `metrics.jsonl` alone.
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
