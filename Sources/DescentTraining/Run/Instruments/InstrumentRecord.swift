/// What was measured at a step: a line of `metrics.jsonl`.
///
/// Of each trainable tensor, with w the weights before the step, Δw their actual change and g the
/// gradient before clipping:
///
/// | key | |
/// |---|---|
/// | `weight_norm/<tensor>` | ‖w + Δw‖ |
/// | `grad_norm/<tensor>` | ‖g‖ |
/// | `update_ratio/<tensor>` | ‖Δw‖/‖w‖; left out where w = 0 |
/// | `step_size/<tensor>` | ‖Δw‖/√P, the root mean square |
/// | `distance/<tensor>` | ‖w + Δw − w₀‖/‖w₀‖, from the run's first weights w₀; left out where w₀ = 0 |
/// | `snr/<tensor>`, `norm_test/<tensor>` | ``GradientNoise`` |
///
/// of each group of parameters, where there are several, with w, Δw, w₀ and g its tensors as one vector:
///
/// | key | |
/// |---|---|
/// | `group_weight_norm.<group>` | ‖w + Δw‖ |
/// | `group_grad_norm.<group>` | ‖g‖ |
/// | `group_distance.<group>` | ‖w + Δw − w₀‖ |
///
/// and of all: `snr`, `norm_test`, `noise_scale`; `curvature`, the eigenvalue of the Hessian of the
/// batch's loss at w that has the largest magnitude; `dead_units/<layer>`, the share of units behind a ReLU
/// that were 0 for all of the batch, after the step; and
///
/// ```
/// alpha = (L(w) − L(w + Δw)) / −gᵀΔw
/// ```
/// on the batches of the step with the same dropout: the share of the step's first-order gain that came
/// true. 1: the loss was as good as linear along the step; 0.5: the step ended at the minimum of a
/// parabola; below 0: it made the loss of its own batch worse. Left out where the linear model promises
/// no gain, or less than the loss in float32 can tell (2⁻¹⁹·|L|). Cockpit's α (Schneider, Dangel, Hennig,
/// 2021, arXiv:2102.06604) is fitted to slopes and says the same: its −1, 0 and 1 are 1, 0.5 and 0 here.
public struct InstrumentRecord: Sendable, Equatable {
  /// `step`: the step that was measured.
  public var step = 0
  /// `instrument_seconds`: what measuring cost.
  public var seconds = Double.nan
  /// The numbers, by their keys.
  public var values: [String: Double] = [:]
  /// `histograms`: of `weight/<tensor>` (after the step), `gradient/<tensor>` and `update/<tensor>`.
  public var histograms: [String: Histogram] = [:]

  init() {}

  /// A record without numbers.
  public init(step: Int) { self.step = step }

  /// How often the elements of a tensor lie in bins of one width.
  public struct Histogram: Sendable, Equatable {
    /// The smallest element.
    public var from: Double
    /// The largest.
    public var to: Double
    /// The elements in each bin, in the order of their values; one bin where all are the same.
    public var counts: [Int]

    /// A histogram.
    public init(from: Double, to: Double, counts: [Int]) {
      (self.from, self.to, self.counts) = (from, to, counts)
    }
  }
}

extension InstrumentRecord: MetricRecord, Codable {
  static let fields: [MetricField<InstrumentRecord>] = [
    .init("step", \.step), .init("instrument_seconds", \.seconds),
  ]

  private static let histogramKey = "histograms"

  var others: [(key: String, value: MetricValue)] {
    let numbers = values.sorted { $0.key < $1.key }.map { ($0.key, MetricValue.number($0.value)) }
    if histograms.isEmpty { return numbers }
    let objects = histograms.mapValues { histogram in
      MetricValue.object([
        "from": .number(histogram.from), "to": .number(histogram.to),
        "counts": .list(histogram.counts.map(MetricValue.integer)),
      ])
    }
    return numbers + [(Self.histogramKey, .object(objects))]
  }

  mutating func read(_ key: String, _ value: MetricValue) {
    if let x = Double(value) {
      values[key] = x
    } else if key == Self.histogramKey, case .object(let objects) = value {
      histograms = objects.compactMapValues { Histogram($0) }
    }
  }
}

extension InstrumentRecord.Histogram {
  fileprivate init?(_ value: MetricValue) {
    guard case .object(let object) = value, let from = object["from"].flatMap({ Double($0) }),
      let to = object["to"].flatMap({ Double($0) }), case .list(let counts)? = object["counts"]
    else { return nil }
    self.init(from: from, to: to, counts: counts.compactMap { Int($0) })
    if self.counts.count != counts.count { return nil }
  }

  /// How many bins there are where elements differ.
  static let bins = 40

  /// The histogram of some numbers; those that are not finite do not count.
  ///
  /// - Returns: nil where none is finite.
  init?(of values: Span<Float>) {
    var (low, high, count) = (Float.infinity, -Float.infinity, 0)
    for i in values.indices where values[i].isFinite {
      (low, high, count) = (min(low, values[i]), max(high, values[i]), count + 1)
    }
    guard count > 0 else { return nil }
    guard low < high else {
      self.init(from: Double(low), to: Double(low), counts: [count])
      return
    }
    var counts = [Int](repeating: 0, count: Self.bins)
    let width = (Double(high) - Double(low)) / Double(Self.bins)
    for i in values.indices where values[i].isFinite {
      counts[min(Self.bins - 1, Int((Double(values[i]) - Double(low)) / width))] += 1
    }
    self.init(from: Double(low), to: Double(high), counts: counts)
  }
}
