/// Updates in the backward pass: each parameter moves as soon as its gradient is complete, which can
/// then be freed, so that never more than a few gradients exist.
///
/// Weights and state have the same bits as after ``Optimizer/step(_:unscale:)``. Where the norm over
/// all gradients is limited it must be known first: gradients are then computed twice, once to be
/// measured and once to be used.
///
/// ```
/// start()   [measure each parameter   where needsMeasuring]   begin()   release each parameter   end()
/// ```
/// What does not fit the parameters is refused with an ``OptimizerError``, before anything is read.
///
/// Lv et al.: Full Parameter Fine-tuning for Large Language Models with Limited Resources, 2023,
/// arXiv:2306.09782.
public final class GradientRelease<S: Scalar> {
  private let optimizer: Optimizer<S>
  private var culprit: StepReport.NonFinite?
  private var coefficient = 1.0
  private var released = 0
  /// Where the weights are; only the parameter that is being released has a gradient.
  private var memory: [ParameterMemory<S>] = []

  /// Releases the gradients of `optimizer`.
  ///
  /// - Throws: ``OptimizerError`` for rules that need more than one parameter's gradient at a time, and
  ///   for changes of gradients other than the limit of the norm.
  public init(_ optimizer: Optimizer<S>) throws(OptimizerError) {
    let conflicts = optimizer.plan.conflicts(
      with: [FeatureUse(.gradientRelease, "release_gradients=true")])
    if let error = OptimizerError(conflicts) { throw error }
    self.optimizer = optimizer
  }

  /// Whether gradients must be measured before they are used.
  public var needsMeasuring: Bool { optimizer.plan.clip.norm != nil }

  /// Starts a step.
  public func start() {
    (culprit, coefficient, released) = (nil, 1, 0)
    optimizer.pipeline.startMeasuring()
  }

  /// Takes the gradient of the parameter at `index` into the norm.
  public func measure(_ index: Int, _ gradient: View<S>) throws(OptimizerError) {
    try parameter(index).check("gradient", count: gradient.count)
    take(index, ParameterMemory(weights: .none, gradient: gradient))
  }

  /// The same for memory that is known to fit.
  package func take(_ index: Int, _ memory: ParameterMemory<S>) {
    if !optimizer.pipeline.measure(index, memory), culprit == nil {
      culprit = optimizer.pipeline.firstNonFinite(index, memory)
    }
  }

  /// Begins the updates: takes the schedules' values, and the limit of the norm.
  ///
  /// - Parameter memory: where the weights are; gradients are not read.
  public func begin(_ memory: [ParameterMemory<S>]) throws(OptimizerError) {
    for (parameter, memory) in zip(optimizer.parameters, memory) {
      try parameter.check("weights", count: memory.count)
      try optimizer.check(memory, of: parameter)
    }
    try optimizer.parameters.check(memory, called: "entries of memory")
    prepare(memory)
  }

  /// The same for memory that is known to fit.
  package func prepare(_ memory: [ParameterMemory<S>]) {
    if needsMeasuring {
      coefficient = optimizer.pipeline.coefficient(optimizer.pipeline.measuredNorm)
    }
    self.memory = memory.map(\.withoutGradient)
    optimizer.begin(memory)
  }

  /// Updates the parameter at `index`; does nothing once a gradient of the step was not finite.
  ///
  /// - Parameter memory: where its weights and its gradient are.
  public func release(_ index: Int, _ memory: ParameterMemory<S>) throws(OptimizerError) {
    try parameter(index).check(memory, "gradient")
    try optimizer.check(memory, of: parameter(index))
    if self.memory.isEmpty { throw .tooEarly("release", first: "begin") }
    update(index, memory)
  }

  private func parameter(_ index: Int) throws(OptimizerError) -> ParameterInfo {
    let parameters = optimizer.parameters
    guard parameters.indices.contains(index) else {
      throw .noParameter(index: index, count: parameters.count)
    }
    return parameters[index]
  }

  /// The same for memory that is known to fit.
  package func update(_ index: Int, _ memory: ParameterMemory<S>) {
    guard culprit == nil, memory.hasGradient else { return }
    if !needsMeasuring { take(index, memory) }
    guard culprit == nil else { return }
    self.memory[index] = memory
    optimizer.update(self.memory, scale: coefficient, only: index)
    self.memory[index] = memory.withoutGradient
    released += 1
  }

  /// Ends the step.
  public func end() -> StepReport {
    memory = []
    return optimizer.end(
      culprit.map { released == 0 ? .refused($0) : .broken($0) } ?? .applied,
      gradientNorm: optimizer.pipeline.measuredNorm, coefficient: coefficient,
      clipped: coefficient < 1)
  }
}
