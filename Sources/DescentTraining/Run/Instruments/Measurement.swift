import Descent
import DescentNN

/// What is measured at one step.
final class Measurement {
  private let instruments: Instruments
  private let attempt: Int
  /// The weights before the step.
  private let before: [Tensor]
  /// The gradients, and what they are multiplied by.
  private var gradients: (tensors: [Tensor?], unscale: Double)?
  private var record: InstrumentRecord
  private var seconds = 0.0

  private var parameters: [Parameter] { instruments.parameters }

  init(_ instruments: Instruments, step: Int, attempt: Int) {
    (self.instruments, self.attempt) = (instruments, attempt)
    record = InstrumentRecord(step: step)
    before = instruments.parameters.map { $0.value.copied() }
  }

  /// Runs `body` and counts its time.
  func timed<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer { seconds += start.duration(to: .now) / .seconds(1) }
    return try body()
  }

  // MARK: Before the step

  func take(_ noise: [GradientNoise]) {
    for (parameter, noise) in zip(parameters, noise) {
      record.values["snr/\(parameter.name)"] = noise.signalToNoise
      record.values["norm_test/\(parameter.name)"] = noise.normTest
    }
    guard let total = noise.total else { return }
    record.values["snr"] = total.signalToNoise
    record.values["norm_test"] = total.normTest
    record.values["noise_scale"] = total.noiseScale
  }

  func take(curvature: Double) { record.values["curvature"] = curvature }

  // MARK: During the step

  /// Takes the gradients of the step as they lie in the parameters, unless it has them.
  ///
  /// - Parameter scale: what the loss was multiplied by.
  func takeGradients(scale: Float) {
    if gradients != nil { return }
    gradients = (parameters.map { $0.gradient }, 1 / Double(scale))
  }

  // MARK: After the step

  /// Compares the weights with those before the step.
  ///
  /// - Parameter loss: the loss of the step's batches before it.
  func end(loss: Double) throws -> InstrumentRecord {
    try timed {
      let gain = measureTensors()
      let units = DeadUnits()
      let after = try instruments.batches.task.model.keepingBuffers {
        try instruments.batches.loss(attempt, units: units)
      }
      if let gain, gain > 0x1p-19 * abs(loss) { record.values["alpha"] = (loss - after) / gain }
      for (layer, share) in units.shares(in: instruments.batches.task.model) {
        record.values["dead_units/\(layer)"] = share
      }
    }
    record.seconds = seconds
    return record
  }

  /// Measures each tensor.
  ///
  /// - Returns: −gᵀΔw over all; nil where there are no gradients.
  private func measureTensors() -> Double? {
    var gain = 0.0
    var squares: [String: Double] = [:]
    for (index, parameter) in parameters.enumerated() {
      let (name, w) = (parameter.name, before[index])
      let update = parameter.value.detached - w
      func put(_ key: String, _ value: Double) {
        if value.isFinite { record.values["\(key)/\(name)"] = value }
      }
      // Over all tensors of a group, squares add up.
      func add(_ key: String, _ norm: Double) {
        guard !instruments.groups.isEmpty else { return }
        squares["\(key).\(instruments.groups[index])", default: 0] += norm * norm
      }
      let (length, change) = (w.norm, update.norm)
      add("group_weight_norm", parameter.value.norm)
      put("weight_norm", parameter.value.norm)
      put("step_size", change / Double(max(1, w.count)).squareRoot())
      put("update_ratio", change / length)
      if let initial = instruments.initial {
        let moved = (parameter.value.detached - initial[index]).norm
        put("distance", moved / initial[index].norm)
        add("group_distance", moved)
      }
      if let (tensors, unscale) = gradients, let gradient = tensors[index] {
        put("grad_norm", gradient.norm * unscale)
        add("group_grad_norm", gradient.norm * unscale)
        gain -= gradient.dot(update) * unscale
        addHistogram("gradient/\(name)", gradient, unscale)
      }
      addHistogram("weight/\(name)", parameter.value)
      addHistogram("update/\(name)", update)
    }
    for (key, square) in squares where square.isFinite {
      record.values[key] = square.squareRoot()
    }
    return gradients == nil ? nil : gain
  }

  private func addHistogram(_ key: String, _ tensor: Tensor, _ factor: Double = 1) {
    guard instruments.writesHistograms else { return }
    guard var histogram = tensor.withSpan({ InstrumentRecord.Histogram(of: $0) }) else { return }
    (histogram.from, histogram.to) = (histogram.from * factor, histogram.to * factor)
    record.histograms[key] = histogram
  }
}

extension Tensor {
  /// The L2 norm.
  fileprivate var norm: Double { sumOfSquares.squareRoot() }
}
