import Descent
import DescentTraining

/// `int8_embeddings`: 8-bit state for embeddings.
enum Int8Embeddings: LintRule {
  static let name = "int8_embeddings"
  static let summary = "state in 8 bits for embeddings"
  static let source = """
    Dettmers et al., 8-bit Optimizers via Block-wise Quantization, 2022, arXiv:2110.02861, section \
    2.3: embeddings keep 32 bits
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    if subject.facts.hasEmbeddings == false { return [] }
    return subject.parts.compactMap { part in
      let storage = part.plan.storage
      let tables = part.plan.parameters.filter { parameter in
        parameter.role == .embedding
          && part.rule.slots(for: parameter).contains {
            storage.formatInUse(of: $0, for: parameter) == .int8
          }
      }
      guard let table = tables.first else { return nil }
      let isOwn = part.plan.group.settings.contains { $0.name == "state_exempt" }
      let key = isOwn ? part.key("state_exempt") : "optimizer.state_exempt"
      let others = storage.exempt.map(\.rawValue)
      let value = (["embedding"] + others).joined(separator: ",")
      return warning(
        in: subject, at: key, others.isEmpty ? "[]" : others.joined(separator: ","),
        because:
          "\(table.name) (\(table.shape.map(String.init).joined(separator: " × "))) gets state "
          + "in 8 bits: rows that are rarely used have moments far below those of the others that "
          + "share their scale, and come out as 0",
        changes: [.init(key, others.isEmpty ? nil : value)],
        advice: others.isEmpty ? "embeddings are then exempt, as by default" : "")
    }.withoutRepeats
  }
}

/// `int8_unused`: state in 8 bits that nothing has.
enum Int8Unused: LintRule {
  static let name = "int8_unused"
  static let summary = "state in 8 bits that no parameter is large enough for"
  static let source = "bitsandbytes: min_8bit_size is 4096"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    guard let parameters = subject.facts.parameters, subject.recipe.plan.state.format == .int8,
      !subject.parts.isEmpty
    else { return [] }
    let isUsed = subject.parts.contains { part in
      part.plan.parameters.contains { parameter in
        part.rule.slots(for: parameter).contains {
          part.plan.storage.formatInUse(of: $0, for: parameter) == .int8
        }
      }
    }
    if isUsed { return [] }
    let largest = parameters.map(\.count).max() ?? 0
    return [
      warning(
        in: subject, at: "optimizer.state", "int8",
        because: "none of \(counted(parameters.count, "tensor")) gets it: the largest has "
          + "\(grouped(largest)) elements, below "
          + "state_minimum=\(grouped(subject.recipe.plan.state.minimum)) or exempt, so all state is "
          + "float32",
        changes: [.init("optimizer.state", "float32")],
        advice: "says what happens; lower state_minimum to use 8 bits after all")
    ]
  }
}
