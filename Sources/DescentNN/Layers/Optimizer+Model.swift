public import Descent

extension Module {
  /// The parameters as an optimizer knows them.
  public var parameterInfos: [ParameterInfo] {
    namedParameters.map {
      ParameterInfo(
        $0.name, shape: $0.parameter.value.shape, role: $0.parameter.role,
        trainable: $0.parameter.isTrainable)
    }
  }
}

extension Optimizer<Float> {
  /// An optimizer for the parameters of `model`, in their order.
  ///
  /// - Throws: as the initializer for parameters.
  public convenience init(
    _ plan: OptimizerPlan, model: any Module, needs: ProvidedNeeds<Float> = .none
  ) throws(OptimizerError) {
    try self.init(plan, parameters: model.parameterInfos, needs: needs)
  }

  /// The same with a rule and nothing else but the customary groups.
  public convenience init(
    _ rule: some Rule, model: any Module, needs: ProvidedNeeds<Float> = .none
  ) throws(OptimizerError) {
    try self.init(OptimizerPlan(rule), model: model, needs: needs)
  }

  /// Updates parameters, in the order of the model's ``Module/parameters``, from the gradients that
  /// `Tape.gradients` left in them.
  ///
  /// - Throws: ``OptimizerError`` where they are not those that the optimizer is for.
  public func step(_ parameters: [Parameter]) throws(OptimizerError) -> StepReport {
    try step(parameters.memory)
  }

  /// Updates parameters with a method that evaluates the loss itself, L-BFGS.
  ///
  /// - Parameter evaluate: computes the loss at the parameters' values and leaves its gradients in
  ///   them, as `Tape.gradients` does.
  /// - Throws: what `evaluate` throws; ``OptimizerError`` where the parameters are not those that the
  ///   optimizer is for.
  public func step(
    _ parameters: [Parameter], evaluate: () throws -> Double
  ) throws -> StepReport {
    // The tape makes new gradients each time; these stay where they are.
    let gradients = parameters.map { $0.isTrainable ? Tensor.zeros($0.value.shape) : nil }
    let memory = zip(parameters.memory, gradients).map {
      ParameterMemory(weights: $0.weights, gradient: $1?.elements)
    }
    return try step(memory) {
      let loss = try evaluate()
      for (parameter, gradient) in zip(parameters, gradients) {
        guard let target = gradient?.freshElements else { continue }
        if let gradient = parameter.gradient {
          target.copy(gradient.elements)
        } else {
          target.fill(0)
        }
      }
      return loss
    }
  }

  /// Takes the estimates that stand in the place of the parameters' gradients into the state.
  public func foldCurvature(_ parameters: [Parameter]) throws(OptimizerError) -> StepReport.Outcome
  {
    try foldCurvature(parameters.memory)
  }
}

extension Optimizer<Float> {
  /// Brings parameters into the format in which the plan stores weights, as is needed before the first
  /// gradient: with `weights.format=bf16` (but for `master`), they lie in bfloat16 from now on.
  ///
  /// - Throws: ``OptimizerError`` where they are not those that the optimizer is for.
  public func roundWeights(_ parameters: [Parameter]) throws(OptimizerError) {
    try roundWeights(parameters.memory)
    guard plan.weights.isRounded else { return }
    for (parameter, info) in zip(parameters, self.parameters) where info.trainable {
      parameter.format = .bfloat16
    }
  }
}

extension [Parameter] {
  /// Runs `body` with all weights as floats: for weights that are no numbers of bfloat16, such as an
  /// average, which are put in their place and taken away again.
  package func widened<Result>(_ body: () throws -> Result) rethrows -> Result {
    let narrow = filter { $0.format == .bfloat16 }
    for parameter in narrow { parameter.format = .float32 }
    defer { for parameter in narrow { parameter.format = .bfloat16 } }
    return try body()
  }

  /// Where weights and gradients lie, until one of them is replaced.
  package var memory: [ParameterMemory<Float>] { map(\.memory) }
}
