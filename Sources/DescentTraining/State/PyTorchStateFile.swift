import Foundation
import Safetensors

/// A file that `Scripts/optimizer_state.py` writes and reads: the state of a PyTorch optimizer.
///
/// | | holds |
/// |---|---|
/// | tensor `state/<parameter>/<key>` | each tensor of the state; element i of a list is `<key>.<i>` |
/// | metadata `format` | `pytorch_optimizer_state` |
/// | metadata `optimizer` | the class |
/// | metadata `param_groups` | JSON: the groups, `params` being names; infinities are texts |
/// | metadata `values` | JSON: parameter → key → what is no tensor |
struct PyTorchStateFile {
  static let format = "pytorch_optimizer_state"

  /// The file.
  let file: SafetensorsFile
  /// The parameters' names, or numbers, in the order of the groups.
  let parameters: [String]
  /// The groups without their parameters.
  let groups: [[String: Any]]
  /// What is no tensor: parameter → key → value.
  private let values: [String: [String: Any]]
  /// The keys of each parameter's tensors.
  private let keys: [String: [String: SafetensorsEntry]]

  /// Opens a file.
  ///
  /// - Throws: `SafetensorsError`, and ``DataError`` for a file that holds something else.
  init(_ path: String) throws {
    let file = try SafetensorsFile(path: path)
    func malformed(_ expected: String, _ found: String) -> DataError {
      .malformed(path: path, expected: expected, found: found)
    }
    guard file.metadata["format"] == Self.format else {
      throw malformed(
        "the state of a PyTorch optimizer, as Scripts/optimizer_state.py saves it",
        file.metadata["rule"] == nil ? "another safetensors file" : "a checkpoint of a run")
    }
    func json(_ key: String) -> Any? {
      file.metadata[key].flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) }
    }
    guard let groups = json("param_groups") as? [[String: Any]], !groups.isEmpty,
      groups.allSatisfy({ $0["params"] is [String] })
    else { throw malformed("param_groups, a JSON list of groups with their params", "none") }
    guard let values = json("values") as? [String: [String: Any]] else {
      throw malformed("values, a JSON object of objects", "none")
    }
    let parameters = groups.flatMap { $0["params"] as? [String] ?? [] }
    let known = Set(parameters)
    if known.count < parameters.count {
      throw malformed("each parameter once among the params", "one twice")
    }
    var keys: [String: [String: SafetensorsEntry]] = [:]
    for entry in file.entries {
      let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
      let parameter = parts.dropFirst().dropLast().joined(separator: "/")
      guard parts.count > 2, parts[0] == "state", known.contains(parameter) else {
        throw malformed(
          "tensors called state/<parameter>/<key>, of parameters among the params",
          "one called \(entry.name)")
      }
      keys[parameter, default: [:]][String(parts[parts.count - 1])] = entry
    }
    (self.file, self.parameters, self.groups) = (file, parameters, groups)
    (self.values, self.keys) = (values, keys)
  }

  /// The tensors of a parameter's state by their keys; none where it has had no update.
  func tensors(of parameter: String) -> [String: SafetensorsEntry] { keys[parameter] ?? [:] }

  /// A number of a parameter's state, be it a scalar tensor or none.
  func number(_ key: String, of parameter: String) -> Double? {
    if let entry = keys[parameter]?[key], entry.count == 1 {
      if let value = try? file.doubles(of: entry.name) { return value[0] }
      return (try? file.integers(of: entry.name, as: Int.self)).map { Double($0[0]) }
    }
    return Self.number(values[parameter]?[key])
  }

  /// A number of a group.
  func number(_ key: String, ofGroup index: Int) -> Double? { Self.number(groups[index][key]) }

  private static func number(_ value: Any?) -> Double? {
    (value as? NSNumber)?.doubleValue ?? (value as? String).flatMap { Double($0) }
  }
}
