import Descent
import DescentCompute
import DescentTraining
import Foundation
import Safetensors
import Testing

/// State that torch, bitsandbytes and prodigyopt saved (`References/optimizer_states.py`): Descent goes
/// on from it as they do, and writes what they write.
struct ForeignState: CustomTestStringConvertible, Sendable {
  struct Description: Decodable, Sendable {
    let optimizer: String
    let set: [String: Value]
    let dtype: String
    let parameters: [String]
    let layout: String
    let recoded: Bool
    let rtol: Double
  }

  /// A hyperparameter as JSON has it, as text.
  struct Value: Decodable, Sendable {
    let text: String
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        text = "\(flag)"
      } else if let whole = try? container.decode(Int.self) {
        text = "\(whole)"
      } else if let number = try? container.decode(Double.self) {
        text = "\(number)"
      } else if let list = try? container.decode([Double].self) {
        text = list.map { "\($0)" }.joined(separator: ",")
      } else {
        text = try container.decode(String.self)
      }
    }
  }

  let name: String
  let description: Description
  var testDescription: String { name }

  static let (first, last) = (5, 9)
  static let folder = Bundle.module.resourceURL!.appendingPathComponent("Vectors")
  static let file = try! SafetensorsFile(
    path: folder.appendingPathComponent("states.safetensors").path)
  static let all: [ForeignState] = {
    let json = Data(file.metadata["cases"]!.utf8)
    let cases = try! JSONDecoder().decode([String: Description].self, from: json)
    return cases.keys.sorted().map { ForeignState(name: $0, description: cases[$0]!) }
  }()

  static func named(_ name: String) -> ForeignState { all.first { $0.name == name }! }

  /// The state after the first steps, or the last.
  func path(end: Bool = false) -> String {
    Self.folder.appendingPathComponent("States/\(name)\(end ? "-end" : "").safetensors").path
  }

  var parameters: [ParameterInfo] {
    get throws {
      try description.parameters.map {
        ParameterInfo($0, shape: try Self.file.entry("\(name)/start/\($0)").shape)
      }
    }
  }

  func values<S: Scalar>(_ key: String, _: S.Type) throws -> [[S]?] {
    try description.parameters.map {
      let name = "\(name)/\(key)/\($0)"
      return Self.file.contains(name) ? try Self.file.doubles(of: name).map { S($0) } : nil
    }
  }

  func optimizer<S: Scalar>(
    _: S.Type, _ format: String? = nil, _ parameters: [ParameterInfo]? = nil
  ) throws -> Optimizer<S> {
    var texts = [("name", description.optimizer)] + description.set.map { ($0, $1.text) }
    if let format { texts = texts.filter { $0.0 != "state" } + [("state", format)] }
    var plan = try OptimizerPlan(OptimizerPlan.Texts(["optimizer": texts]))
    plan.groups = []
    return try Optimizer(plan, parameters: try parameters ?? self.parameters, needs: .byCaller)
  }

  /// A step of L-BFGS over Σ a·(w − ¼)⁴ + (w − ¼)².
  private func evaluate<S: Scalar>(
    _ optimizer: Optimizer<S>, _ weights: inout [[S]]
  ) throws -> StepReport {
    let a = try values("curvature", S.self).flatMap { $0 ?? [] }
    var (flat, slopes) = (weights.flatMap(\.self), a)
    let report = try flat.withMutableView { w in
      try slopes.withMutableView { g in
        var start = 0
        let memory = weights.map { values in
          defer { start += values.count }
          let range = start..<start + values.count
          return ParameterMemory(weights: w[range], gradient: g[range].reading)
        }
        return try optimizer.step(memory) {
          var loss = 0.0
          for i in w.indices {
            let d = w[i] - S(0.25)
            loss += Double(a[i] * d * d * d * d + d * d)
            g[i] = 4 * a[i] * d * d * d + 2 * d
          }
          return loss
        }
      }
    }
    for i in weights.indices {
      weights[i] = Array(flat.prefix(weights[i].count))
      flat.removeFirst(weights[i].count)
    }
    return report
  }

  /// Takes the recorded steps; expects the weights to be the reference's.
  func advance<S: Scalar>(_ optimizer: Optimizer<S>, tolerance: Double? = nil) throws {
    var weights = try values("start", S.self).map { try #require($0) }
    for step in Self.first + 1...Self.last {
      if optimizer.ruleName == LBFGS.name {
        let report = try evaluate(optimizer, &weights)
        #expect(report.applied)
      } else {
        #expect(
          try optimizer.step(&weights, gradients: values("grad/\(step)", S.self)).applied)
      }
      for (parameter, (given, wanted)) in zip(
        description.parameters, zip(weights, try values("param/\(step)", S.self)))
      {
        for (x, y) in zip(given, wanted ?? given) {
          let bound = (tolerance ?? description.rtol) * (1 + abs(Double(y)))
          #expect(abs(Double(x) - Double(y)) <= bound, "\(parameter) after step \(step)")
        }
      }
    }
  }
}

@Suite("State of PyTorch, bitsandbytes and prodigyopt") struct ForeignStateTests {
  private func goOn<S: Scalar>(_ example: ForeignState, _: S.Type) throws {
    let optimizer = try example.optimizer(S.self)
    try PyTorchState.restore(optimizer, from: example.path())
    let layout = try #require(PyTorchState.Layout(rawValue: example.description.layout))
    try withFolder { folder in
      let exported = ProcessInfo.processInfo.environment["DESCENT_STATES"] ?? folder
      let file = "\(exported)/\(example.name).safetensors"
      try PyTorchState.write(optimizer, to: file, layout: layout)
      // What was read is what is written, to the bit.
      try compare(example, file, with: example.path(), tolerance: 0)
      try example.advance(optimizer)
      try PyTorchState.write(optimizer, to: folder + "/end.safetensors", layout: layout)
      try compare(
        example, folder + "/end.safetensors", with: example.path(end: true),
        tolerance: example.description.rtol)
    }
  }

  /// Expects two files of state to hold the same, but for the names of parameters that are numbers.
  private func compare(
    _ example: ForeignState, _ path: String, with other: String, tolerance: Double
  ) throws {
    if example.description.recoded { return }
    let (a, b) = (try SafetensorsFile(path: path), try SafetensorsFile(path: other))
    func named(_ name: String) -> String {
      let parts = name.split(separator: "/")
      guard let number = Int(parts[1]) else { return name }
      return "state/\(example.description.parameters[number])/\(parts[2])"
    }
    let names = Dictionary(uniqueKeysWithValues: b.names.map { (named($0), $0) })
    #expect(Set(a.names) == Set(names.keys))
    for entry in a.entries {
      let wanted = try b.entry(try #require(names[entry.name]))
      if entry.name.hasSuffix("p0"), wanted.count == 1, entry.count > 1 { continue }
      #expect((entry.dtype, entry.shape) == (wanted.dtype, wanted.shape), "\(entry.name)")
      if entry.dtype == .u8 {
        // A last bit may move a number to the next code.
        let pairs = zip(try a.bytes(of: entry.name), try b.bytes(of: wanted.name))
        #expect(pairs.allSatisfy { abs(Int($0) - Int($1)) <= (tolerance == 0 ? 0 : 1) })
        continue
      }
      for (x, y) in zip(try a.doubles(of: entry.name), try b.doubles(of: wanted.name)) {
        #expect(abs(x - y) <= tolerance * (1 + abs(y)), "\(entry.name): \(x), not \(y)")
      }
    }
  }

  @Test("goes on as they do, and writes what they write", arguments: ForeignState.all)
  func goesOn(_ example: ForeignState) throws {
    if example.description.dtype == "F64" {
      try goOn(example, Double.self)
    } else {
      try goOn(example, Float.self)
    }
  }

  @Test(
    "any format here takes any there",
    arguments: ["adam8bit", "lion8bit", "adagrad8bit", "adamw32bit", "adam-float32"],
    [("float32", 2e-3), ("bfloat16", 1e-2), ("int8", 2e-2)])
  func formats(_ name: String, _ format: (name: String, tolerance: Double)) throws {
    let example = ForeignState.named(name)
    let optimizer = try example.optimizer(Float.self, format.name)
    try PyTorchState.restore(optimizer, from: example.path())
    try example.advance(optimizer, tolerance: format.tolerance)
  }

  @Test("what does not fit is refused by name, and nothing changes") func refusals() throws {
    let example = ForeignState.named("adam")
    let parameters = try example.parameters
    func refusal(
      _ example: ForeignState, _ path: String, _ parameters: [ParameterInfo]? = nil
    ) throws -> String {
      let optimizer = try example.optimizer(Double.self, nil, parameters)
      let before = SavedState(of: optimizer)
      do {
        try PyTorchState.restore(optimizer, from: path)
        return ""
      } catch {
        #expect(SavedState(of: optimizer) == before)
        return "\(error)"
      }
    }
    let named = ForeignState.all.first { $0.name == "adam-amsgrad" }!
    let path = example.path()
    try withFolder { folder in
      let other = folder + "/other.safetensors"
      try SafetensorsFile.write([], to: other)
      let file = try SafetensorsFile(path: example.path(end: true))
      func rewritten(_ change: (SafetensorsEntry) throws -> SafetensorsTensor?) throws -> String {
        let path = folder + "/\(UUID().uuidString).safetensors"
        try SafetensorsFile.write(
          try file.entries.compactMap(change), metadata: file.metadata, to: path)
        return path
      }
      func same(_ entry: SafetensorsEntry) throws -> SafetensorsTensor {
        .init(
          entry.name, dtype: entry.dtype, shape: entry.shape, bytes: try file.bytes(of: entry.name))
      }
      let cut = try rewritten { $0.name == "state/tall/exp_avg" ? nil : try same($0) }
      let short = try rewritten {
        $0.name == "state/tall/exp_avg"
          ? .init($0.name, shape: [3], doubles: [1, 2, 3]) : try same($0)
      }
      let wholes = try rewritten {
        $0.name == "state/tall/exp_avg"
          ? .init(
            $0.name, dtype: .i64, shape: $0.shape, bytes: try file.bytes(of: $0.name))
          : try same($0)
      }
      let steps = try rewritten {
        $0.name == "state/tall/step" ? .init($0.name, shape: [], doubles: [1e300]) : try same($0)
      }
      let infinite = try rewritten {
        $0.name == "state/tall/exp_avg"
          ? .init($0.name, shape: $0.shape, doubles: Array(repeating: .infinity, count: $0.count))
          : try same($0)
      }
      let extra = parameters + [ParameterInfo("more", shape: [2])]
      let cases: [(String, [ParameterInfo]?, String)] = [
        (other, nil, "the state of a PyTorch optimizer"),
        (folder + "/none.safetensors", nil, "There is no file"),
        (path, extra, "has 5 parameters, but the optimizer trains 6"),
        (example.path(end: true), extra, "lacks parameters that are trained here: more"),
        (example.path(end: true), Array(parameters.dropLast()), "not trained here: late"),
        (cut, nil, "the state of tall has no exp_avg"),
        (short, nil, "has exp_avg with the shape [3], but exp_avg has [5, 3] here"),
        (wholes, nil, "has exp_avg in I64"),
        (steps, nil, "has the step 1e+300"),
        (infinite, nil, "the state of tall has NaN or infinity in exp_avg"),
      ]
      for (path, parameters, sentence) in cases {
        let found = try refusal(example, path, parameters)
        #expect(found.contains(sentence), "\(found)")
      }
    }
    #expect(try refusal(named, path).contains("has no max_exp_avg_sq"))
    #expect(
      try refusal(example, named.path()).contains(
        "has max_exp_avg_sq, which adam does not keep with these hyperparameters"))
    let lion = try Optimizer<Double>(Lion(), parameters: parameters)
    let error = #expect(throws: DataError.self) { try PyTorchState.restore(lion, from: path) }
    #expect("\(error!)".contains("has exp_avg_sq, which lion does not keep"))
    #expect(throws: RecipeError.self) {
      try PyTorchState.write(
        Optimizer<Float>(Shampoo(), parameters: [ParameterInfo("w", shape: [2, 2])]),
        to: "/nowhere/x")
    }
  }
}
