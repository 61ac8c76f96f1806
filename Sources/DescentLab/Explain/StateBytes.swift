import Descent
import DescentCompute

/// The bytes of state that a rule keeps for a large parameter of this shape, from the slots that it
/// declares: those with a shape of their own and those that must be exact stay in float32.
func stateBytes(
  _ rule: some Rule, _ shape: [Int], _ format: StateStorage.Format = .float32
) -> Int {
  let parameter = ParameterInfo("w", shape: shape)
  return rule.slots(for: parameter).reduce(rule.outsideBytes(for: parameter)) { sum, slot in
    let count = (slot.shape ?? shape).reduce(1, *)
    if slot.shape != nil || slot.range == .exact { return sum + 4 * count }
    switch format {
    case .float32: return sum + 4 * count
    case .bfloat16: return sum + 2 * count
    case .int8: return sum + count + 4 * Codebook.blocks(of: count)
    }
  }
}
