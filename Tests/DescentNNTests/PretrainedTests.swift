import DescentCompute
import DescentNN
import Foundation
import Safetensors
import Testing

/// Models in Hugging Face's layout against what transformers computed from the same files.
@Suite struct PretrainedTests {
  static let folder = Bundle.module.url(
    forResource: "huggingface", withExtension: nil, subdirectory: "Vectors")!
  static let cases = try! FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()

  static func expected(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(
      path: folder.appendingPathComponent(name).appendingPathComponent("expected.safetensors").path)
  }

  /// The mean loss of each token but the first.
  static func loss(_ logits: Tensor, _ ids: IndexTensor) -> Tensor {
    let (batch, time, vocabulary) = (logits.shape[0], logits.shape[1], logits.shape[2])
    let targets = (0..<batch).flatMap { ids.scalars[$0 * time + 1..<($0 + 1) * time] }
    return logits.narrowed(1, 0..<time - 1).reshaped([-1, vocabulary])
      .crossEntropy(IndexTensor(targets))
  }

  static func difference(_ x: Tensor, _ y: Tensor) -> Float {
    let scale = y.scalars.reduce(0) { max($0, abs($1)) }
    return zip(x.scalars, y.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
  }

  @Test("there is a case for each family and option") func casesAreThere() {
    #expect(Self.cases.count >= 13)
  }

  @Test("logits, loss and gradients are transformers'", arguments: cases)
  func gradients(name: String) throws {
    let expected = try Self.expected(name)
    let model = try PretrainedModel(Self.folder.appendingPathComponent(name).path).load()
    let ids = try expected.indices("tokens")
    let tape = Tape()
    let logits = model(ids, tape.context())
    let loss = Self.loss(logits, ids)
    #expect(Self.difference(logits, try expected.tensor("logits")) < 1e-5)
    #expect(abs(loss.scalar - (try expected.tensor("loss").scalar)) < 1e-5)
    tape.gradients(of: loss)
    let isGPT2 = name.hasPrefix("gpt2")
    for (parameter, gradient) in model.namedParameters.map({ ($0.name, $0.parameter.gradient) }) {
      var reference = try expected.tensor("grad/" + (isGPT2 ? "transformer." : "") + parameter)
      // GPT-2's linear maps are stored the other way round.
      if let gradient, reference.shape != gradient.shape || parameter.contains("attn.c_proj.weight")
      {
        reference = reference.transposed()
      }
      let found = try #require(gradient)
      #expect(found.shape == reference.shape)
      #expect(Self.difference(found, reference) < 1e-4, "\(parameter)")
    }
    let names = expected.names.filter { $0.hasPrefix("grad/") }
    #expect(names.count == model.parameters.count)
  }

  @Test("a model is written with all that it is made of", arguments: cases)
  func saving(name: String) throws {
    let expected = try Self.expected(name)
    let model = try PretrainedModel(Self.folder.appendingPathComponent(name).path).load()
    // Kept where somebody names a folder, for `References/huggingface.py check`.
    let kept = ProcessInfo.processInfo.environment["DESCENT_MODELS_OUT"]
    let target =
      kept.map { URL(fileURLWithPath: $0).appendingPathComponent(name) }
      ?? FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { if kept == nil { try? FileManager.default.removeItem(at: target) } }
    try PretrainedModel.save(model, to: target.path)
    let again = try PretrainedModel(target.path).load()
    let ids = try expected.indices("tokens")
    #expect(again(ids, .inference).scalars == model(ids, .inference).scalars)
    #expect(again.longestSequence == model.longestSequence)
  }

  @Test("mapped weights give the same logits, and change no memory", arguments: cases)
  func mapped(name: String) throws {
    let expected = try Self.expected(name)
    let folder = Self.folder.appendingPathComponent(name).path
    let ids = try expected.indices("tokens")
    let model = try PretrainedModel(folder).load(.mapped)
    #expect(model.parameters.allSatisfy { !$0.isTrainable })
    let logits = model(ids, .inference)
    #expect(Self.difference(logits, try expected.tensor("logits")) < 1e-5)
    #expect(logits.scalars == (try PretrainedModel(folder).load())(ids, .inference).scalars)
  }

  @Test("a cache gives the logits of the whole sequence", arguments: cases)
  func cache(name: String) throws {
    let expected = try Self.expected(name)
    let model = try PretrainedModel(Self.folder.appendingPathComponent(name).path).load()
    let ids = Array(try expected.indices("tokens").scalars[0..<12])
    let cache = try #require(model.makeCache(12))
    var read = 0
    for part in [5, 1, 1, 3, 1] {
      let next = model.nextLogits(Array(ids[read..<read + part]), cache)
      read += part
      // Dynamic positions turn what is in a cache by the angles of its time, as in transformers.
      if name == "llama-dynamic", read > 8 { break }
      let whole = model.nextLogits(Array(ids[0..<read]), nil)
      #expect(Self.difference(next, whole) < 1e-5)
      #expect(cache.count == read)
    }
  }
}
