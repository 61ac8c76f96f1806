extension Optimizer {
  /// Updates the weights from the gradients, or refuses and says why.
  ///
  /// - Parameters:
  ///   - memory: one entry for each of ``parameters``, in their order, with as many elements as the
  ///     parameter's shape says.
  ///   - unscale: what gradients are multiplied by before anything else: ``LossScaler/inverse``.
  ///   - knownNorm: the norm over all gradients as they lie in memory, of the type that ``Clipping``
  ///     limits, from a caller who has it already, as whoever wrote the gradients may. The pass over
  ///     them that would take it is left out; that they are finite is then the caller's word. For a norm
  ///     that is not finite they are looked through, and the step is refused as ever.
  ///
  /// For rules that need no evaluations: with ``LBFGS`` call ``step(_:evaluate:)``.
  ///
  /// - Throws: ``OptimizerError`` for memory that does not fit the parameters, and for a rule that
  ///   evaluates the loss; nothing has changed then.
  public func step(
    _ memory: [ParameterMemory<S>], unscale: Double = 1, knownNorm: Double? = nil
  ) throws(OptimizerError) -> StepReport {
    if closure != nil { throw .lacksEvaluation(rule: ruleName) }
    try check(memory)
    let gradients: GradientPipeline<S>.Result
    switch pipeline.prepare(
      memory, step: appliedSteps, unscale: unscale, knownNorm: knownNorm)
    {
    case .refused(let culprit, let norm):
      needs.preconditioner?.discard()
      return end(.refused(culprit), gradientNorm: norm)
    case .ready(let result): gradients = result
    }
    begin(memory)
    let preconditioned = update(gradients.memory, scale: gradients.scale)
    var report = end(
      .applied, gradientNorm: gradients.norm, coefficient: gradients.coefficient,
      clipped: gradients.clipped, preconditioner: preconditioned)
    if case .curvature(let estimate) = needs, curvatureIsDue {
      report.curvature = try fold(estimate(appliedSteps, memory.map(\.weightArray)))
    }
    return report
  }

  /// Updates arrays of weights from arrays of gradients, in the order of ``parameters``; nil is a
  /// parameter that has no gradient in this step.
  ///
  /// - Throws: ``OptimizerError`` for arrays that do not fit the parameters; nothing has changed then.
  public func step(
    _ weights: inout [[S]], gradients: [[S]?], unscale: Double = 1
  ) throws(OptimizerError) -> StepReport {
    try parameters.withMemory(&weights, gradients) { (memory) throws(OptimizerError) in
      try step(memory, unscale: unscale)
    }
  }

  /// Lets a rule that evaluates the loss move the weights; other rules evaluate once. The schedule
  /// acts as in ``step(_:unscale:)``.
  ///
  /// - Parameters:
  ///   - memory: as for ``step(_:unscale:)``; `evaluate` writes the gradients there.
  ///   - evaluate: computes the loss and the gradients; must give the same for the same weights.
  /// - Throws: what `evaluate` throws; ``OptimizerError`` for memory that does not fit the parameters,
  ///   before the first evaluation.
  public func step(
    _ memory: [ParameterMemory<S>], evaluate: () throws -> Double
  ) throws -> StepReport {
    try check(memory)
    guard let closure else {
      _ = try evaluate()
      return try step(memory)
    }
    begin(memory)
    closure.take(runner.rule)
    var norm: Double?
    let report = try closure.step(memory) {
      let loss = try evaluate()
      if norm == nil { norm = pipeline.norm(memory) }
      return loss
    }
    return end(
      report.moved ? .applied : .unmoved(report.exit), gradientNorm: norm ?? .nan,
      counts: report.exit != .nonFiniteStart, closure: report)
  }

  /// Checks memory against the parameters and the plan.
  func check(_ memory: [ParameterMemory<S>]) throws(OptimizerError) {
    try parameters.check(memory)
    for index in memory.indices { try check(memory[index], of: parameters[index]) }
  }

  /// Checks the formats in which a parameter's numbers lie.
  func check(_ memory: ParameterMemory<S>, of parameter: ParameterInfo) throws(OptimizerError) {
    if memory.weightBits != nil, parameter.trainable, stored == nil {
      throw .lacksRounding(parameter: parameter.name)
    }
  }

  // MARK: The transaction

  // Every kind of step goes through these three: the plain one, that of released gradients, and that
  // of methods that evaluate the loss. Before `begin`, a step may still be refused with nothing
  // touched; `end` alone makes the report, to which an estimate of the curvature that follows the
  // step adds what became of it.

  /// Begins the updates of a step: hyperparameters and rules' variables take their values for it.
  func begin(_ memory: [ParameterMemory<S>]) {
    runner.schedule(appliedSteps)
    runner.begin()
    stored?.begin(memory, step: appliedSteps)
  }

  /// Runs the rule on the parameters that have a gradient, or on one of them, with preconditioned
  /// gradients where the rule needs them.
  @discardableResult
  func update(
    _ memory: [ParameterMemory<S>], scale: Double, only parameter: Int? = nil
  ) -> PreconditionerReport? {
    guard let preconditioner = needs.preconditioner else {
      runner.run(memory, scale: scale, only: parameter)
      return nil
    }
    // It sees gradients as scalars.
    let widened = memory.map { memory in
      memory.gradientBits.map { StateMemory<S>(count: $0.count, initial: 0) }
    }
    let seen = zip(memory, widened).map { memory, room in
      guard let room else { return memory }
      _ = memory.withGradient(0..<room.view.count) { room.view.copy($0) }
      return memory.with(gradient: room.view.reading)
    }
    return withExtendedLifetime(widened) {
      let (changed, report) = preconditioner.precondition(
        seen, of: parameters, for: runner.rule, scale: scale
      ) { runner.effectiveLearningRate(group: groupOf[$0]) }
      runner.run(changed, scale: scale, only: parameter)
      return report
    }
  }

  /// Ends a step: counts it where it counts, and says what it did.
  func end(
    _ outcome: StepReport.Outcome, gradientNorm: Double, coefficient: Double = 1,
    clipped: Bool = false, counts: Bool? = nil, preconditioner: PreconditionerReport? = nil,
    closure: ClosureReport? = nil
  ) -> StepReport {
    if counts ?? (outcome == .applied) { appliedSteps += 1 }
    var report = StepReport(
      outcome: outcome, step: appliedSteps, gradientNorm: gradientNorm,
      clipCoefficient: coefficient, clipped: clipped,
      effectiveLearningRate: runner.effectiveLearningRate(group: groupOf.first ?? 0))
    report.preconditioner = preconditioner
    report.closure = closure
    if case .refused = outcome { return report }
    report.lostUpdates = stored?.report
    return report
  }

  // MARK: Estimates of the curvature

  /// Whether the rule takes estimates of the curvature: see ``foldCurvature(_:)-([[S]?])``.
  public var takesCurvature: Bool { runner.takesCurvature }

  /// Whether an estimate is to be folded in now, after the last applied step.
  public var curvatureIsDue: Bool {
    takesCurvature && runner.rule.takesEstimate(after: appliedSteps)
  }

  /// Takes estimates of the curvature into the state of a rule that needs them, or refuses them and
  /// says why, as ``step(_:unscale:)`` does with gradients. Neither clips nor counts as a step.
  ///
  /// - Parameter memory: as for ``step(_:unscale:)``, each estimate in the place of the gradient; nil
  ///   where there is none. What an estimate is, ``Needs`` says.
  /// - Throws: ``OptimizerError/takesNoCurvature(rule:)``, and for memory that does not fit the
  ///   parameters.
  public func foldCurvature(
    _ memory: [ParameterMemory<S>]
  ) throws(OptimizerError) -> StepReport.Outcome {
    guard takesCurvature else { throw .takesNoCurvature(rule: ruleName) }
    try parameters.check(memory, "estimate")
    return fold(memory)
  }

  /// Takes arrays of estimates, in the order of ``parameters``; nil is a parameter without one.
  public func foldCurvature(_ estimates: [[S]?]) throws(OptimizerError) -> StepReport.Outcome {
    guard takesCurvature else { throw .takesNoCurvature(rule: ruleName) }
    return try fold(estimates)
  }

  private func fold(_ estimates: [[S]?]) throws(OptimizerError) -> StepReport.Outcome {
    var unused = parameters.map { [S](repeating: 0, count: $0.count) }
    return try parameters.withMemory(&unused, estimates, ("estimate", "estimates")) { fold($0) }
  }

  private func fold(_ memory: [ParameterMemory<S>]) -> StepReport.Outcome {
    if let culprit = pipeline.firstNonFinite(memory) { return .refused(culprit) }
    runner.foldCurvature(memory)
    return .applied
  }

  // MARK: Weights

  /// Rounds weights to the format in which they are stored, as is needed before the first gradient;
  /// changes nothing where they are float32.
  ///
  /// - Throws: ``OptimizerError`` for memory that does not fit the parameters.
  public func roundWeights(_ memory: [ParameterMemory<S>]) throws(OptimizerError) {
    try check(memory)
    stored?.load(memory)
  }

  /// Whether ``withEvaluationWeights(_:_:)`` gives other weights than the stored ones.
  public var evaluatesElsewhere: Bool { runner.evaluatesElsewhere }

  /// Calls `body` with the weights to evaluate and keep in place of the stored ones, and puts the
  /// stored ones back, to the bit. The same weights for all rules but those that train at another
  /// point (look-ahead Nesterov, Schedule-Free).
  ///
  /// - Throws: what `body` throws; ``OptimizerError`` for memory that does not fit the parameters.
  public func withEvaluationWeights<Result>(
    _ memory: [ParameterMemory<S>], _ body: () throws -> Result
  ) throws -> Result {
    try check(memory)
    guard evaluatesElsewhere else { return try body() }
    return try parameters.keepingWeights(memory) {
      runner.evaluationWeights(memory)
      return try body()
    }
  }

  /// The weights to evaluate and keep, from the stored ones.
  ///
  /// - Throws: ``OptimizerError`` for arrays that do not fit the parameters.
  public func evaluationWeights(of weights: [[S]]) throws(OptimizerError) -> [[S]] {
    var copy = weights
    try parameters.withMemory(&copy) { memory in
      if evaluatesElsewhere { runner.evaluationWeights(memory) }
    }
    return copy
  }

  // MARK: The guard

  /// The first element of a gradient that is NaN or infinite, if there is one.
  ///
  /// - Throws: ``OptimizerError`` for memory that does not fit the parameters.
  public func nonFiniteGradient(
    _ memory: [ParameterMemory<S>]
  ) throws(OptimizerError) -> StepReport.NonFinite? {
    try check(memory)
    return pipeline.firstNonFinite(memory)
  }
}
