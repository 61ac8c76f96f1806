import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

@Suite("Replay") struct ReplayTests {
  /// Runs a recording; returns the result's file, or what was thrown, with what is left in the folder.
  private func replay(
    _ tensors: [SafetensorsTensor], _ plan: OptimizerPlan
  ) throws -> (tensors: [String: [Float]], state: [RunFacts.StateUse], error: (any Error)?) {
    try withFolder { folder in
      let (input, output) = (folder + "/in.safetensors", folder + "/out.safetensors")
      try SafetensorsFile.write(tensors, to: input)
      do {
        let state = try Replay(plan, recording: input).run(to: output)
        let file = try SafetensorsFile(path: output)
        let values = try file.names.map { ($0, try file.floats(of: $0)) }
        return (Dictionary(uniqueKeysWithValues: values), state, nil)
      } catch {
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["in.safetensors"])
        return ([:], [], error)
      }
    }
  }

  private static func one(_ name: String, _ values: [Float] = [1]) -> SafetensorsTensor {
    SafetensorsTensor(name, shape: [values.count], floats: values)
  }

  private static let valid = [one("param/w"), one("grad/1/w"), one("grad/2/w")]

  @Test(
    "what is no recording is one sentence",
    arguments: [
      (one("grad/01/w"), "steps written 1, 2, 3, ... as in grad/1/w, found one called grad/01/w"),
      (one("grad/+3/w"), "found one called grad/+3/w"),
      (one("grad/0/w"), "found one called grad/0/w"),
      (one("grad/-1/w"), "found one called grad/-1/w"),
      (one("grad/1.0/w"), "found one called grad/1.0/w"),
      (one("grad/ 3/w"), "found one called grad/ 3/w"),
      (one("grad/9223372036854775808/w"), "found one called grad/9223372036854775808/w"),
      (one("grad//w"), "found one called grad//w"),
      (one("grad/3"), "one called grad/3"), (one("grad/3/"), "one called grad/3/"),
      (one("Grad/3/w"), "one called Grad/3/w"), (one("w"), "one called w"),
      (one("param/"), "a name after param/"),
      (one("state/exp_avg/w"), "one called state/exp_avg/w"),
      (one("grad/1000000000/w"), "at most 1000 left out, found grad/1000000000/w"),
      (one("grad/1004/w"), "with 1001 left out"),
      (one("grad/3/v"), "param/v, the weights that grad/3/v belongs to"),
      (one("grad/3/w", [1, 2]), "grad/3/w to have the shape [1] of its weights, found [2]"),
      (one("grad/3/a\nb"), "param/a\\nb, the weights that grad/3/a\\nb belongs to"),
      (one("hessian/3/w"), "up to step 2, the last with gradients, found hessian/3/w"),
      (one("grad/3/w", [.nan]), "grad/3/w is nan at element 0"),
      (one("param/v", [1, -.infinity]), "param/v is -inf at element 1"),
      (SafetensorsTensor("grad/3/w", shape: [1], doubles: [1]), "grad/3/w in F32, found F64"),
      (SafetensorsTensor("x", dtype: .i32, shape: [], bytes: [0, 0, 0, 0]), "x in F32, found I32"),
    ])
  func malformed(_ tensor: SafetensorsTensor, _ part: String) throws {
    let error = try replay(Self.valid + [tensor], OptimizerPlan(SGD(learningRate: 0.1))).error
    #expect(error is DataError, "\(String(describing: error))")
    #expect("\(error.map { "\($0)" } ?? "")".contains(part), "\(String(describing: error))")
  }

  @Test("steps may be left out, tensors may be empty or scalar, and halves are read exactly")
  func gaps() throws {
    let result = try replay(
      [
        SafetensorsTensor("param/w", shape: [], floats: [1]),
        SafetensorsTensor("param/a/b", shape: [0, 3], floats: []),
        SafetensorsTensor("param/h", dtype: .f16, shape: [1], bytes: [0x00, 0x3C]),
        SafetensorsTensor("grad/1001/w", shape: [], floats: [1]),
        SafetensorsTensor("grad/1001/a/b", shape: [0, 3], floats: []),
      ], OptimizerPlan(SGD(learningRate: 0.5)))
    #expect(result.error == nil, "\(String(describing: result.error))")
    #expect(result.tensors["param/1000/w"] == [1] && result.tensors["param/1001/w"] == [0.5])
    #expect(result.tensors["param/1/h"] == [1] && result.tensors["param/1001/a/b"] == [])
  }

  @Test(
    "what overflows or divides by zero is named, with its step, and nothing is written",
    arguments: [
      (
        AdamW(learningRate: 1e-3, epsilon: 0) as any Rule, [Float(0), 0],
        "after step 1 the weights w are nan at element 0"
      ),
      (SGD(learningRate: 1e38), [1, 1e2], "after step 1 the weights w are -inf at element 1"),
      (
        SGD(learningRate: 0, momentum: 0.9), [0, 3e38],
        "after step 2 the weights w are nan at element 1"
      ),
      (AdamW(), [1e30, 1], "after step 2 the state exp_avg_sq of w is inf at element 0"),
    ])
  func notFinite(_ rule: any Rule, _ gradient: [Float], _ part: String) throws {
    let error = try replay(
      [
        Self.one("param/w", [1, 1]), Self.one("grad/1/w", gradient), Self.one("grad/2/w", gradient),
      ], OptimizerPlan(rule)
    ).error
    #expect(error is DataError)
    #expect("\(error.map { "\($0)" } ?? "")".contains(part), "\(String(describing: error))")
  }

  @Test("what became of each slot of state is told") func formats() throws {
    let large = [Float](repeating: 1, count: 4096)
    let result = try replay(
      [
        Self.one("param/large", large), Self.one("param/w"), Self.one("grad/1/large", large),
        Self.one("grad/1/w"),
      ], OptimizerPlan(AdamW(), state: StateStorage(.int8)))
    #expect(result.state.map(\.format) == [.int8, .float32])
    #expect(result.state.map(\.slots) == [2, 2])
    #expect(result.state.map { $0.exemption == nil } == [true, false])
  }

  @Test("a result that no file can list is refused at once") func tooManyTensors() throws {
    let tensors = (0..<1800).map { Self.one("param/\($0)") } + [Self.one("grad/1000/0")]
    let error = try replay(tensors, OptimizerPlan(SGD(learningRate: 1))).error
    #expect("\(error.map { "\($0)" } ?? "")".contains("1800 tensors after each of 1000 steps"))
  }

  @Test("tens of thousands of tensors take seconds", .timeLimit(.minutes(1))) func many() throws {
    let n = 20_000
    let tensors = (0..<n).flatMap {
      [Self.one("param/layers.\($0).weight"), Self.one("grad/1/layers.\($0).weight")]
    }
    let result = try replay(tensors, OptimizerPlan(SGD(learningRate: 1)))
    #expect(result.tensors.count == n && result.tensors["param/1/layers.7.weight"] == [0])
  }
}
