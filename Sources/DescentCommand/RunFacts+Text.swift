import Descent
import DescentTraining

extension RunFacts {
  /// The formats of state and the groups, in a few lines.
  var summary: [String] {
    var lines: [String] = []
    if state.contains(where: { $0.format != .float32 }) {
      for use in state {
        let reason = use.exemption.map { " (\($0))" } ?? ""
        lines.append("state in \(use.format)\(reason): \(use.slots) slots, \(bytes(use.bytes))")
      }
    }
    for group in groups where !group.parameters.isEmpty {
      lines.append(group.headline)
      lines += group.isFrozen ? [] : ["  \(group.settings)"]
      for (treatment, names) in group.treatments {
        lines.append("  \(treatment.map { "\($0): " } ?? "")\(abbreviated(names))")
      }
    }
    return lines + overlaps.map { "note: \($0)" }
  }
}

extension RunFacts.Group {
  /// `group default (everything else), adamw: 18 tensors, 804,096 weights`
  var headline: String {
    "group \(name) (\(match)), \(isFrozen ? "frozen" : rule): \(parameters.count) tensors, "
      + "\(grouped(count)) weights"
  }

  /// The names of the parameters that the rule treats alike.
  var treatments: [(treatment: String?, names: [String])] {
    var all: [(treatment: String?, names: [String])] = []
    for member in parameters {
      if let index = all.firstIndex(where: { $0.treatment == member.treatment }) {
        all[index].names.append(member.name)
      } else {
        all.append((member.treatment, [member.name]))
      }
    }
    return all
  }
}

/// The first names of a list and how many more there are.
private func abbreviated(_ names: [String]) -> String {
  let shown = names.prefix(6).joined(separator: " ")
  return names.count > 6 ? "\(shown) and \(names.count - 6) more" : shown
}
