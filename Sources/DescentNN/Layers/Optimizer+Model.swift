public import Descent
public import DescentCompute

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
  public convenience init(
    _ rule: some Rule, model: any Module, groups: [ParameterGroup] = [.vectorsWithoutDecay],
    state: StateStorage = StateStorage(),
    schedules: [(setting: String, schedule: any Schedule)] = [],
    clip: Clipping = Clipping(), gradient: GradientTools = GradientTools(),
    supply: Supply<Float> = .nothing
  ) throws(OptimizerError) {
    try self.init(
      rule, parameters: model.parameterInfos, groups: groups, state: state,
      schedules: schedules, clip: clip, gradient: gradient, supply: supply)
  }

  /// Updates parameters, in the order of the model's ``Module/parameters``, from the gradients that
  /// `Tape.gradients` left in them.
  public func step(_ parameters: [Parameter]) -> StepReport {
    unsafe parameters.withMemory { unsafe step($0) }
  }

  /// Updates parameters with a method that evaluates the loss itself, L-BFGS.
  ///
  /// - Parameter evaluate: computes the loss at the parameters' values and leaves its gradients in
  ///   them, as `Tape.gradients` does.
  public func step(
    _ parameters: [Parameter], evaluate: () throws -> Double
  ) rethrows -> StepReport {
    // The tape makes new gradients each time; these stay where they are.
    let gradients = parameters.map { $0.isTrainable ? Tensor.zeros($0.value.shape) : nil }
    let memory = unsafe zip(parameters, gradients).map { parameter, gradient in
      unsafe ParameterMemory(
        weights: parameter.mutableElements().base, gradient: gradient?.elements.base)
    }
    return try unsafe memory.withUnsafeBufferPointer { memory in
      try unsafe step(memory) {
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
  }

  /// Takes the estimates that stand in the place of the parameters' gradients into the state.
  public func foldCurvature(_ parameters: [Parameter]) throws(OptimizerError) -> StepReport.Outcome
  {
    let result = unsafe parameters.withMemory { memory in
      Result { () throws(OptimizerError) in unsafe try foldCurvature(memory) }
    }
    return try result.get()
  }
}

extension [Parameter] {
  /// Calls `body` with where weights and gradients lie.
  @unsafe
  package func withMemory<Result>(
    _ body: (UnsafeBufferPointer<ParameterMemory<Float>>) throws -> Result
  ) rethrows -> Result {
    let memory = unsafe map {
      unsafe ParameterMemory(
        weights: $0.mutableElements().base, gradient: $0.gradient?.elements.base)
    }
    return try unsafe memory.withUnsafeBufferPointer { unsafe try body($0) }
  }

  /// Calls `body` with where the weights and the gradient of one parameter lie, to update it in the
  /// backward pass: the tape still holds the weights of others, which are there to be read and have no
  /// gradient.
  @unsafe
  package func withMemory<Result>(
    of index: Int, _ body: (UnsafeBufferPointer<ParameterMemory<Float>>) throws -> Result
  ) rethrows -> Result {
    let memory = unsafe indices.map { i in
      let parameter = self[i]
      return i == index
        ? unsafe ParameterMemory(
          weights: parameter.mutableElements().base, gradient: parameter.gradient?.elements.base)
        : unsafe ParameterMemory(
          weights: UnsafeMutablePointer(mutating: parameter.value.elements.base), gradient: nil)
    }
    return try unsafe memory.withUnsafeBufferPointer { unsafe try body($0) }
  }
}
