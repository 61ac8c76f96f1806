import DescentLab
import DescentTraining
import Foundation
import Safetensors
import Testing

@Suite("Inspection of files") final class InspectionTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func write(
    _ tensors: [SafetensorsTensor], _ name: String = "a", metadata: [String: String] = [:]
  ) throws -> String {
    let path = folder.appendingPathComponent(name + ".safetensors").path
    try SafetensorsFile.write(tensors, metadata: metadata, to: path)
    return path
  }

  private func object(_ page: Document) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(page.json.text.utf8)) as? [String: Any])
  }

  /// The bytes of 1, −2, 0 and something odd in every type, and what they are.
  private static let samples: [(SafetensorsDType, [UInt8], [Double])] = [
    (
      .f32, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x80, 0x7f], [1, -2, 0, .infinity]
    ),
    (
      .f64,
      [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0]
        + [0, 0, 0, 0, 0, 0, 0xf8, 0x7f], [1, -2, 0, .nan]
    ),
    (.f16, [0, 0x3c, 0, 0xc0, 0, 0x80, 1, 0], [1, -2, 0, 0x1p-24]),
    (.f16, [0xff, 0x7b, 0, 0xfc, 1, 0x7c, 0, 4], [65504, -.infinity, .nan, 0x1p-14]),
    (.bf16, [0x80, 0x3f, 0, 0xc0, 0, 0, 0x80, 0xff], [1, -2, 0, -.infinity]),
    (.f8e5m2, [0x3c, 0xc0, 0, 0x7c], [1, -2, 0, .infinity]),
    (.f8e5m2, [0x01, 0x7b, 0x7d, 0xfc], [0x1p-16, 57344, .nan, -.infinity]),
    (.f8e4m3, [0x38, 0xc0, 0, 0x7f], [1, -2, 0, .nan]),
    (.f8e4m3, [0x7e, 0xfe, 0x01, 0xff], [448, -448, 0x1p-9, .nan]),
    (.i8, [1, 0xfe, 0, 0x80], [1, -2, 0, -128]),
    (.u8, [1, 0xfe, 0, 0x80], [1, 254, 0, 128]),
    (.bool, [1, 0, 0, 1], [1, 0, 0, 1]),
    (.i16, [1, 0, 0xfe, 0xff, 0, 0, 0, 0x80], [1, -2, 0, -32768]),
    (.u16, [1, 0, 0xfe, 0xff, 0, 0, 0, 0x80], [1, 65534, 0, 32768]),
    (.i32, [1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 7, 0, 0, 0], [1, -2, 0, 7]),
    (.u32, [1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 7, 0, 0, 0], [1, 0xffff_fffe, 0, 7]),
    (
      .i64,
      [1] + [UInt8](repeating: 0, count: 7) + [UInt8](repeating: 0xff, count: 8)
        + [UInt8](repeating: 0, count: 16), [1, -1, 0, 0]
    ),
    (
      .u64,
      [1] + [UInt8](repeating: 0, count: 7) + [UInt8](repeating: 0xff, count: 8)
        + [UInt8](repeating: 0, count: 16), [1, 0x1p64, 0, 0]
    ),
  ]

  @Test("every element type is read as it is", arguments: samples.indices)
  func readsType(_ index: Int) throws {
    let (dtype, bytes, values) = Self.samples[index]
    let path = try write([.init("x", dtype: dtype, shape: [2, 2], bytes: bytes)])
    let found = try FileInspection(path).tensors[0].statistics
    let finite = values.filter(\.isFinite)
    #expect(found.count == 4 && found.zeros == values.filter { $0 == 0 }.count)
    #expect(found.nans == values.filter(\.isNaN).count)
    #expect(found.infinities == values.filter(\.isInfinite).count)
    #expect(found.least == finite.min() && found.largest == finite.max())
    let squares = finite.reduce(0) { $0 + $1 * $1 }
    #expect(abs(found.norm - squares.squareRoot()) <= 1e-12 * found.norm)
    #expect(found.rootMeanSquare == found.norm / Double(finite.count).squareRoot())
    #expect(found.largestMagnitude == finite.map(abs).max())
    let page = InspectionPage.about(try FileInspection(path))
    #expect(page.text().contains(dtype.rawValue) && page.text().contains("2×2"))
    let row = try #require((try object(page)["tensors"] as? [[String: Any]])?.first)
    #expect(row["nan"] as? Int == found.nans && row["zeros"] as? Double == found.zeroShare)
    #expect(page.text().contains("warning: x: ") == (found.nonFinite > 0))
  }

  @Test("norms of numbers whose squares leave their range") func extremes() throws {
    for scale in [1e200, 1e-200, Double.leastNonzeroMagnitude] {
      let expected = 5 * scale
      let path = try write([.init("x", shape: [2], doubles: [3 * scale, 4 * scale])])
      let norm = try FileInspection(path).tensors[0].statistics.norm
      #expect(abs(norm / expected - 1) < 1e-12, "\(norm)")
    }
  }

  @Test("sums over pieces of a large tensor are those of its elements") func large() throws {
    let values = (0..<600_001).map { Float(($0 * 7919) % 1000) / 500 - 1 }
    let path = try write([.init("x", shape: [values.count], floats: values)])
    let found = try FileInspection(path, against: path)
    let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(abs(found.tensors[0].statistics.norm - norm) < 1e-9 * norm)
    #expect(found.tensors[0].statistics.zeros == values.filter { $0 == 0 }.count)
    #expect(found.tensors[0].difference?.isSame == true)
  }

  @Test("files with nothing in them, empty and single tensors") func odd() throws {
    let nothing = InspectionPage.about(try FileInspection(try write([])))
    #expect(nothing.text().contains("tensors   0") && nothing.json.text.contains("\"tensors\": []"))
    let path = try write(
      [
        .init("empty", shape: [0, 3], floats: []), .init("one", shape: [], floats: [0]),
        .init("bad", shape: [2], floats: [.nan, .infinity]),
        .init(String(repeating: "long.", count: 60) + "weight", shape: [1], floats: [2]),
      ], metadata: ["note": String(repeating: "words and ", count: 50), "zero": ""])
    let file = try FileInspection(path)
    let text = InspectionPage.about(file).text(width: 80)
    #expect(text.contains("0×3") && text.contains("scalar") && text.contains("100.0 %"))
    #expect(text.contains("warning: bad: 1 NaN and 1 infinite of 2 elements"))
    #expect(file.tensors.first { $0.name == "empty" }?.statistics.largestMagnitude == 0)
    _ = try object(InspectionPage.about(file))
  }

  @Test("against another: what has moved, how far, and what is only in one") func against() throws {
    let a = try write([
      .init("same", shape: [2], floats: [1, .nan]), .init("moved", shape: [2], floats: [3, 4]),
      .init("here", shape: [1], floats: [1]), .init("shape", shape: [1, 2], floats: [1, 2]),
      .init("type", shape: [2], floats: [1, -2]), .init("bad", shape: [2], floats: [.nan, 1]),
      .init("none", shape: [2], floats: [0, 0]),
    ])
    let b = try write(
      [
        .init("same", shape: [2], floats: [1, .nan]), .init("moved", shape: [2], floats: [3, 0]),
        .init("there", shape: [1], floats: [1]), .init("shape", shape: [2], floats: [1, 2]),
        .init("type", dtype: .bf16, shape: [2], bytes: [0x80, 0x3f, 0, 0xc0]),
        .init("bad", shape: [2], floats: [2, 1]), .init("none", shape: [2], floats: [0, 0]),
      ], "b")
    let file = try FileInspection(a, against: b)
    #expect(file.unmoved == ["none", "same"])
    #expect(file.against?.extra == ["here"] && file.against?.missing == ["there"])
    #expect(file.against?.reshaped.map(\.name) == ["shape"])
    func difference(_ name: String) throws -> TensorDifference {
      try #require(file.tensors.first { $0.name == name }?.difference)
    }
    let moved = try difference("moved")
    #expect(moved.norm == 4 && moved.largest == 4 && moved.relative == 4.0 / 3)
    #expect(abs(try #require(moved.cosine) - 0.6) < 1e-15 && !moved.isSame)
    // The same numbers in another type are not the same bits.
    #expect(try !difference("type").isSame && difference("type").norm == 0)
    #expect(try difference("bad").incomparable == 1 && difference("same").incomparable == 0)
    #expect(try difference("none").cosine == nil && difference("none").relative == nil)
    let page = InspectionPage.about(file)
    let text = page.text()
    for sentence in [
      "not moved: none, same", "only there: there", "only here: here",
      "shape has the shape [1, 2] here and [2] there",
      "Against \(b)",
    ] { #expect(text.contains(sentence), "\(text)") }
    let fields = try object(page)
    #expect(fields["unmoved"] as? [String] == ["none", "same"])
    #expect((fields["differences"] as? [Any])?.count == 5)
    #expect(
      try object(InspectionPage.about(FileInspection(a, against: a)))["unmoved"] as? [String]
        == file.weights.map(\.name))
  }

  @Test("a run: its newest checkpoint against the oldest, or against its beginning") func run()
    throws
  {
    final class Silent: TrainingObserver {
      func started(_ facts: RunFacts) {}
      func stepped(_ step: TrainingStep) {}
      func evaluated(_ evaluation: Evaluation, after step: Int) {}
      let wantsToStop = false
    }
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    for (name, every, other) in [
      ("two", 2, "step-00000002.safetensors"), ("one", 0, "that the recipe begins with"),
    ] {
      let changes = [
        "epochs=none", "steps=4", "checkpoint.every=\(every)", "checkpoint.keep=3",
        "optimizer.state=int8", "optimizer.state_minimum=100",
        "optimizer.groups=[{match: \"*.bias\", frozen: true}]",
      ]
      let path = folder.appendingPathComponent(name).path
      let directory = try RunDirectory(new: path, name: "")
      _ = try Trainer(Recipe(yaml: yaml, overrides: changes)).run(in: directory, observer: Silent())
      let file = try FileInspection(path)
      #expect(file.path.hasSuffix("step-00000004.safetensors"))
      #expect(try #require(file.against).name.hasSuffix(other), "\(file.against!.name)")
      // Frozen ones stay, and so does nothing else.
      #expect(file.unmoved == file.weights.map(\.name).filter { $0.hasSuffix(".bias") })
      #expect(file.slots.contains { $0.name == "momentum_buffer" && $0.format == "int8" })
      #expect(file.updates == 4...4)
      let text = InspectionPage.about(file).text()
      #expect(text.contains("after step     4\n") && text.contains("state          int8\n"))
      #expect(text.contains("not moved: ") && !text.contains("state/step/"))
    }
  }
}
