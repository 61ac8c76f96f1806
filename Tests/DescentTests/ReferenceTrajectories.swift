import Descent
import DescentCompute
import Foundation
import Safetensors
import Testing

/// A recorded run of a reference implementation: initial weights, gradients, weights along the way
/// and the final state. `References/optimizers.py` writes them.
struct Trajectory: CustomTestStringConvertible, Sendable {
  /// The file's description of a case.
  struct Description: Decodable, Sendable {
    let optimizer: String
    let set: [String: SettingText]
    let dtype: String
    let steps: Int
    let rtol: Double
    /// The learning rate of each step, where a schedule drives it.
    let lrs: [Double]?
    /// Which written form of momentum, where the reference is a formula.
    let form: String?
    /// Which of several implementations of one name, for rules that have a setting for it.
    let variant: String?
  }

  /// A hyperparameter as JSON has it, as text.
  struct SettingText: Decodable, Sendable {
    let text: String
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        text = "none"
      } else if let flag = try? container.decode(Bool.self) {
        text = "\(flag)"
      } else if let number = try? container.decode(Double.self) {
        text = "\(number)"
      } else if let list = try? container.decode([Double?].self) {
        text = list.map { $0.map { "\($0)" } ?? "none" }.joined(separator: ",")
      } else {
        text = try container.decode(String.self)
      }
    }
  }

  let file: String
  let name: String
  let description: Description
  var testDescription: String { "\(file)/\(name)" }

  /// A vector file, by its name without extension.
  static func open(_ file: String) throws -> SafetensorsFile {
    let folder = Bundle.module.resourceURL!.appendingPathComponent("Vectors")
    return try SafetensorsFile(path: folder.appendingPathComponent("\(file).safetensors").path)
  }

  /// The rules that gradients and curvature estimates drive; the others have vectors of their own.
  static let rules = Rules.all.filter {
    func needs<R: Rule>(_: R.Type) -> Needs { R().needs }
    return !needs($0).includes(anyOf: [.layers, .evaluations])
  }
  .map { $0.name }

  /// The vector files of the optimizers that are registered.
  static let files = Dictionary(
    uniqueKeysWithValues: rules.compactMap { name in (try? open(name)).map { (name, $0) } })

  /// All their cases.
  static let all: [Trajectory] = files.keys.sorted().flatMap { file -> [Trajectory] in
    guard let json = files[file]!.metadata["cases"] else { return [] }
    let cases = try! JSONDecoder().decode([String: Description].self, from: Data(json.utf8))
    return cases.keys.sorted().map { Trajectory(file: file, name: $0, description: cases[$0]!) }
  }
}

@Suite("Reference trajectories") struct ReferenceTrajectoryTests {
  @Test("every registered rule has vectors") func complete() {
    #expect(Set(Trajectory.all.map(\.file)) == Set(Trajectory.rules))
    for name in Rules.names { #expect(throws: Never.self) { try Trajectory.open(name) } }
  }

  @Test(arguments: Trajectory.all) func follows(_ trajectory: Trajectory) throws {
    if trajectory.description.dtype == "F64" {
      try compare(trajectory, Double.self)
    } else {
      try compare(trajectory, Float.self)
    }
  }

  private func compare<S: Scalar>(_ trajectory: Trajectory, _: S.Type) throws {
    let file = Trajectory.files[trajectory.file]!
    let prefix = trajectory.name + "/"
    // lion-pytorch makes the factor of a masked decay in float32, whatever the weights' type.
    let inFloat32 = trajectory.testDescription == "lion/cautious-decay-f64"
    let rtol = inFloat32 ? 2e-6 : trajectory.description.rtol
    func values(_ key: String) throws -> [S] { try file.doubles(of: prefix + key).map { S($0) } }
    let keys = file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    let names = keys.filter {
      $0.hasPrefix("param/") && $0.split(separator: "/").count == 2
    }.map { String($0.dropFirst("param/".count)) }.sorted()
    let present = Set(keys)
    let parameters = try names.map {
      ParameterInfo($0, shape: try file.entry(prefix + "param/" + $0).shape)
    }

    var changes = trajectory.description.set.map { (name: $0.key, text: $0.value.text) }
    if let form = trajectory.description.form {
      changes.removeAll { $0.name == "nesterov" }
      changes.append(("momentum_form", form))
    }
    if ["lamb", "lars"].contains(trajectory.file), let variant = trajectory.description.variant {
      // Clipping is the optimizer's, not the rule's, and is off in these cases.
      changes.removeAll { $0.name == "max_grad_norm" && $0.text == "0.0" }
      changes.append(("variant", variant))
    }
    let rule = try Rules.named(trajectory.description.optimizer)
    let optimizer: Optimizer<S> = try makeOptimizer(
      rule, changes, parameters, lrs: trajectory.description.lrs)
    var weights = try names.map { try values("param/" + $0) }
    var step = 1
    while names.contains(where: { present.contains("grad/\(step)/\($0)") }) {
      let gradients = try names.map { name in
        present.contains("grad/\(step)/\(name)") ? try values("grad/\(step)/\(name)") : nil
      }
      let report = optimizer.step(&weights, gradients: gradients)
      #expect(report.applied)
      // Curvature estimates are folded in after the step.
      let estimates = try names.map { name in
        present.contains("hessian/\(step)/\(name)") ? try values("hessian/\(step)/\(name)") : nil
      }
      if estimates.contains(where: { $0 != nil }) {
        #expect(try optimizer.foldCurvature(estimates) == .applied)
      }
      // Where a file has weights to evaluate, at the end, its others are those of the gradient.
      let stored = present.contains { $0.hasPrefix("eval/") }
      let results = stored ? weights : optimizer.evaluationWeights(of: weights)
      for (name, result) in zip(names, results) where present.contains("param/\(step)/\(name)") {
        let expected = try values("param/\(step)/\(name)")
        expectClose(result, expected, rtol, "\(name) after step \(step)")
      }
      step += 1
    }
    for (name, result) in zip(names, optimizer.evaluationWeights(of: weights))
    where present.contains("eval/\(name)") {
      expectClose(result, try values("eval/\(name)"), rtol, "\(name) to evaluate")
    }
    // In float64 alone: the files' float32 tolerances are those of the weights. optax's buffer has
    // the opposite sign, since it adds.
    let comparesState = S.self == Double.self && trajectory.description.variant != "optax"
    for (slot, name, _, result) in optimizer.state where comparesState {
      guard present.contains("state/\(slot)/\(name)") else { continue }
      let expected = try values("state/\(slot)/\(name)")
      // prodigyopt keeps one zero for the p0 of a tensor of zeros.
      if slot == "p0", expected == [0] { continue }
      expectClose(result, expected, rtol, "\(slot) of \(name)")
    }
    #expect(step - 1 == trajectory.description.steps)
  }

  private func makeOptimizer<S: Scalar>(
    _ rule: any Rule.Type, _ changes: [(name: String, text: String)],
    _ parameters: [ParameterInfo], lrs: [Double]?
  ) throws -> Optimizer<S> {
    func make<R: Rule>(_: R.Type) throws -> Optimizer<S> {
      try Optimizer<S>(
        OptimizerPlan(
          R(changes), groups: [],
          schedules: lrs.map { lrs in [("lr", Lambda { t, _ in lrs[t] })] } ?? []),
        parameters: parameters, needs: .byCaller)
    }
    return try make(rule)
  }

  /// |Δ| ≤ rtol·(1 + |expected|).
  private func expectClose<S: Scalar>(
    _ given: [S], _ expected: [S], _ rtol: Double, _ what: String
  ) {
    #expect(given.count == expected.count)
    for (i, (a, b)) in zip(given, expected).enumerated() {
      let (a, b) = (Double(a), Double(b))
      if !(abs(a - b) <= rtol * (1 + abs(b))) {
        Issue.record("\(what), element \(i): \(a), not \(b)")
        return
      }
    }
  }
}
