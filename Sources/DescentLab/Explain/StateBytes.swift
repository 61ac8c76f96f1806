import Descent

/// The bytes of state that a rule keeps for a parameter of this shape.
func stateBytes(
  _ rule: some Rule, _ shape: [Int], _ format: StateStorage.Format = .float32
) -> Int {
  let plan = OptimizerPlan(rule, state: StateStorage(format))
  guard let memory = try? plan.memory(for: [ParameterInfo("w", shape: shape)]) else {
    preconditionFailure("the rules of the topics take any tensor")
  }
  return memory.stateBytes
}
