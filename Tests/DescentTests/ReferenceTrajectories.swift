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
    /// The slots of which the reference keeps a multiple of ours, the negative for example.
    let signs: [String: Double]?
    /// Keys of the case that cannot be compared.
    let omits: [String]?
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
  @Test("every registered rule has vectors, and every file of vectors is read") func complete()
    throws
  {
    #expect(Set(Trajectory.all.map(\.file)) == Set(Trajectory.rules))
    let folder = Bundle.module.resourceURL!.appendingPathComponent("Vectors")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .map { $0.replacing(".safetensors", with: "") }
    let others = ["averages", "eight-bit", "extremes", "grad-scaler", "schedules"]
    #expect(Set(files) == Set(Rules.names + others))
  }

  @Test(arguments: Trajectory.all) func follows(_ trajectory: Trajectory) throws {
    if trajectory.description.dtype == "F64" {
      try compare(trajectory, Double.self)
    } else {
      try compare(trajectory, Float.self)
    }
  }

  private func compare<S: Scalar>(_ trajectory: Trajectory, _: S.Type) throws {
    let (file, description) = (Trajectory.files[trajectory.file]!, trajectory.description)
    let (prefix, rtol) = (trajectory.name + "/", description.rtol)
    let present = Set(
      file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
    var read = Set<String>()
    /// The tensor of the case with this key, where there is one that can be compared.
    func values(_ key: String, omits: [String] = []) throws -> [S]? {
      guard present.contains(key) else { return nil }
      read.insert(key)
      return omits.contains(key) ? nil : try file.doubles(of: prefix + key).map { S($0) }
    }
    let parameters = try present.filter { $0.hasPrefix("param/") && $0.count { $0 == "/" } == 1 }
      .sorted().map {
        ParameterInfo(
          String($0.dropFirst("param/".count)), shape: try file.entry(prefix + $0).shape)
      }
    let optimizer: Optimizer<S> = try makeOptimizer(description, parameters)
    var weights = try parameters.map { try #require(try values("param/\($0.name)")) }
    // Where a file has weights to evaluate, at the end, its others are those of the gradient.
    let stored = present.contains { $0.hasPrefix("eval/") }
    for step in 1...description.steps {
      let gradients = try parameters.map { try values("grad/\(step)/\($0.name)") }
      try #require(gradients.contains { $0 != nil }, "step \(step) has no gradient")
      #expect(optimizer.step(&weights, gradients: gradients).applied)
      // Curvature estimates are folded in after the step.
      let estimates = try parameters.map { try values("hessian/\(step)/\($0.name)") }
      if estimates.contains(where: { $0 != nil }) {
        #expect(try optimizer.foldCurvature(estimates) == .applied)
      }
      let results = stored ? weights : optimizer.evaluationWeights(of: weights)
      for (index, name) in parameters.map(\.name).enumerated() {
        expectClose(
          results[index], try values("param/\(step)/\(name)"), rtol, "\(name) after step \(step)")
        expectClose(
          weights[index], try values("look-ahead/\(step)/\(name)"), rtol,
          "where the gradient of \(name) is taken after step \(step)")
      }
      for (name, value) in optimizer.diagnostics where S.self == Double.self {
        expectClose(
          [S(value)], try values("group/\(step)/\(name)"), rtol, "\(name) after step \(step)")
      }
    }
    #expect(
      parameters.allSatisfy { read.contains("param/\(description.steps)/\($0.name)") },
      "the last weights are not recorded")
    for (parameter, result) in zip(parameters, optimizer.evaluationWeights(of: weights)) {
      expectClose(
        result, try values("eval/\(parameter.name)"), rtol, "\(parameter.name) to evaluate")
    }
    // In float64 alone: the files' float32 tolerances are those of the weights.
    for (slot, name, _, result) in optimizer.state where S.self == Double.self {
      let sign = S(description.signs?[slot] ?? 1)
      expectClose(
        result.map { sign * $0 },
        try values("state/\(slot)/\(name)", omits: description.omits ?? []), rtol,
        "\(slot) of \(name)")
    }
    let unread = present.subtracting(read).filter {
      !["state", "group"].contains($0.prefix { $0 != "/" })
    }
    #expect(unread.isEmpty, "\(unread.sorted())")
  }

  private func makeOptimizer<S: Scalar>(
    _ description: Trajectory.Description, _ parameters: [ParameterInfo]
  ) throws -> Optimizer<S> {
    func make<R: Rule>(_: R.Type) throws -> Optimizer<S> {
      try Optimizer<S>(
        OptimizerPlan(
          R(description.set.map { ($0.key, $0.value.text) }), groups: [],
          schedules: description.lrs.map { lrs in [("lr", Lambda { t, _ in lrs[t] })] } ?? []),
        parameters: parameters, needs: .byCaller)
    }
    return try make(try Rules.named(description.optimizer))
  }

  /// |Δ| ≤ rtol·(1 + |expected|), where something is expected.
  private func expectClose<S: Scalar>(
    _ given: [S], _ expected: [S]?, _ rtol: Double, _ what: String
  ) {
    guard let expected else { return }
    #expect(given.count == expected.count, "\(what)")
    for (i, (a, b)) in zip(given, expected).enumerated() {
      let (a, b) = (Double(a), Double(b))
      if !(abs(a - b) <= rtol * (1 + abs(b))) {
        Issue.record("\(what), element \(i): \(a), not \(b)")
        return
      }
    }
  }
}
