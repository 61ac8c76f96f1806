import DescentCompute

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
/// Lv et al.: Full Parameter Fine-tuning for Large Language Models with Limited Resources, 2023,
/// arXiv:2306.09782.
public final class GradientRelease<S: Scalar> {
  private let optimizer: Optimizer<S>
  private var culprit: StepReport.NonFinite?
  private var coefficient = 1.0
  private var released = 0

  /// Releases the gradients of `optimizer`.
  ///
  /// - Throws: ``OptimizerError/cannotHonour(rule:what:advice:)`` for a rule that needs more than one
  ///   parameter's gradient at a time, and for gradient tools other than the limit of the norm.
  public init(_ optimizer: Optimizer<S>) throws(OptimizerError) {
    func objection(_ what: String, _ advice: String) -> OptimizerError {
      .cannotHonour(rule: "release_gradients", what: what, advice: advice)
    }
    if let rule = optimizer.rules.first(where: {
      $0.sums == .allTensors || $0 is any LayerRule || $0 is any ClosureRule
    }) {
      throw objection(
        type(of: rule).name + ", which needs the gradients of all parameters at once",
        "choose another rule, or release_gradients=false")
    }
    let tools =
      optimizer.clipping.changes.map { ("clip.\($0.name)", $0.value) }
      + optimizer.gradientTools.changes.map { ("gradient.\($0.name)", $0.value) }
    if let (name, value) = tools.first(where: { !["clip.norm", "clip.norm_type"].contains($0.0) }) {
      throw objection("\(name)=\(value)", "leave it out, or set release_gradients=false")
    }
    self.optimizer = optimizer
  }

  /// Whether gradients must be measured before they are used.
  public var needsMeasuring: Bool { optimizer.clipping.norm != nil }

  /// Starts a step.
  public func start() {
    (culprit, coefficient, released) = (nil, 1, 0)
    optimizer.pipeline.startMeasuring()
  }

  /// Takes the gradient of the parameter at `index` into the norm.
  @unsafe
  public func measure(_ index: Int, _ gradient: UnsafePointer<S>) {
    unsafe optimizer.pipeline.measure(index, gradient)
    if culprit == nil, !optimizer.pipeline.measuredNorm.isFinite {
      culprit = unsafe optimizer.pipeline.firstNonFinite(index, gradient)
    }
  }

  /// Begins the updates: takes the schedules' values, and the limit of the norm.
  ///
  /// - Parameter memory: where the weights are.
  @unsafe
  public func begin(_ memory: UnsafeBufferPointer<ParameterMemory<S>>) {
    if needsMeasuring {
      coefficient = optimizer.pipeline.coefficient(optimizer.pipeline.measuredNorm)
    }
    unsafe optimizer.beginUpdates(memory.baseAddress!)
  }

  /// Updates the parameter at `index`; does nothing once a gradient of the step was not finite.
  ///
  /// - Parameter memory: as for ``Optimizer/step(_:unscale:)``; only this parameter has a gradient.
  @unsafe
  public func release(_ index: Int, _ memory: UnsafeBufferPointer<ParameterMemory<S>>) {
    guard culprit == nil, let gradient = unsafe memory[index].gradient else { return }
    if !needsMeasuring { unsafe measure(index, gradient) }
    guard culprit == nil else { return }
    unsafe optimizer.runner.run(memory.baseAddress!, scale: coefficient)
    released += 1
  }

  /// Ends the step.
  public func end() -> StepReport {
    optimizer.endUpdates(
      culprit.map { released == 0 ? .refused($0) : .broken($0) } ?? .applied,
      norm: optimizer.pipeline.measuredNorm, coefficient: coefficient)
  }
}
