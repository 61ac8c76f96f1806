import Descent
import DescentNN

/// Measures some steps of a run, and leaves training as it is to the bit.
final class Instruments {
  private let settings: InstrumentSettings
  let batches: BatchGradients
  /// What training moves.
  let parameters: [Parameter]
  /// The group of each of them; none where all have the same.
  let groups: [String]
  private let releasesGradients: Bool
  private(set) var initial: [Tensor]?
  /// The direction of the largest curvature, as far as it was found.
  private var direction: [Tensor]?

  var writesHistograms: Bool { settings.histograms }

  /// - Returns: nil where nothing is to be measured.
  init?(
    _ settings: InstrumentSettings, _ batches: BatchGradients, _ optimizer: Optimizer<Float>
  ) {
    if settings.every == 0 { return nil }
    (self.settings, self.batches) = (settings, batches)
    let trained = batches.parameters.indices.filter { optimizer.parameters[$0].trainable }
    parameters = trained.map { batches.parameters[$0] }
    let names = trained.map { optimizer.groups[optimizer.groupOf[$0]].name }
    groups = Set(names).count > 1 ? names : []
    releasesGradients = batches.run.releasesGradients
  }

  /// Begins after `step` steps.
  func begin(after step: Int, in directory: RunDirectory) throws {
    guard settings.distance else { return }
    if step == 0 {
      initial = parameters.map { $0.value.copied() }
      try directory.writeInitialWeights(of: batches.task.model)
    } else {
      initial = directory.initialWeights(of: parameters)
    }
  }

  /// Begins to measure a step, before its gradients are computed.
  ///
  /// - Parameters:
  ///   - step: its number, from 1.
  ///   - attempt: the number of the attempt at it.
  ///   - scale: what losses are multiplied by for the backward pass.
  /// - Returns: nil for a step that is not measured.
  func begin(_ step: Int, attempt: Int, scale: Float) throws -> Measurement? {
    guard step % settings.every == 0 else { return nil }
    let measurement = Measurement(self, step: step, attempt: attempt)
    try measurement.timed {
      let gradients = batches.parameters.map(\.gradient)
      try batches.task.model.keepingBuffers {
        if settings.noise { measurement.take(try noise(attempt, step, scale)) }
        if settings.curvature { measurement.take(curvature: try curvature(attempt)) }
        if releasesGradients {
          let loss = try batches.compute(attempt, scale: scale)
          if loss.isFinite { measurement.takeGradients(scale: scale) }
        }
      }
      for (parameter, gradient) in zip(batches.parameters, gradients) {
        parameter.gradient = gradient
      }
    }
    return measurement
  }

  // MARK: Noise

  /// The first of the batches that no step uses.
  static let firstOwnBatch = 1 << 42

  /// The noise of each tensor's gradient.
  private func noise(_ attempt: Int, _ step: Int, _ scale: Float) throws -> [GradientNoise] {
    var noise = GradientNoise.Accumulator(shapes: parameters.map(\.value.shape))
    var parts = try batches.parts(of: attempt)
    if parts.count < 2 {
      let size = max(1, batches.run.batch / settings.parts)
      parts = try (0..<settings.parts).map {
        try batches.part(Self.firstOwnBatch + step * settings.parts + $0, size: size)
      }
    }
    for part in parts {
      for parameter in parameters { parameter.gradient = nil }
      part.gradients(scale: scale)
      noise.add(parameters.map(\.gradient), weight: Double(part.batch.weight))
    }
    let unscale = 1 / (Double(scale) * Double(scale))
    return noise.tensors.map {
      GradientNoise(
        squaredMean: $0.squaredMean * unscale, trace: $0.trace * unscale, weight: $0.weight)
    }
  }

  // MARK: Curvature

  private static let firstIterations = 16
  private static let iterations = 4

  /// The eigenvalue of the largest magnitude, for the batches of an attempt, in float32: differences
  /// of gradients would drown in the rounding of 16 bits.
  private func curvature(_ attempt: Int) throws -> Double {
    let model = batches.task.model
    let iterations = direction == nil ? Self.firstIterations : Self.iterations
    var v = direction ?? model.randomDirection(seed: UInt64(batches.run.seed))
    defer { direction = v }
    return try Autocast.run(in: .float32) {
      try model.largestCurvature(from: &v, iterations: iterations) {
        for parameter in parameters { parameter.gradient = nil }
        _ = try batches.compute(attempt)
      }
    }
  }
}
