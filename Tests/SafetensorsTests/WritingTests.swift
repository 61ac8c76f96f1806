import Foundation
import Safetensors
import Testing

@Suite struct WritingTests {
  let folder = try! TemporaryFolder()

  @Test func `the bytes are Python's`() throws {
    let path = folder.file("same.safetensors")
    try SafetensorsFile.write(
      [
        SafetensorsTensor("flags", dtype: .bool, shape: [3], bytes: [1, 0, 1]),
        SafetensorsTensor("scalar", shape: [], floats: [2.5]),
        SafetensorsTensor("empty", shape: [0, 3], doubles: []),
        SafetensorsTensor(
          "half", dtype: .f16, shape: [4],
          bytes: [0x00, 0x3C, 0x00, 0xC0, 0xFF, 0x7B, 0x01, 0x00]),
        SafetensorsTensor("weight é", shape: [1, 2], floats: [1.5, -0.25]),
        SafetensorsTensor(
          "count", dtype: .i64, shape: [1, 2],
          bytes: [UInt8](repeating: 255, count: 8) + [0, 0, 0, 0, 0, 1, 0, 0]),
      ], metadata: ["format": "np"], to: path)
    #expect(try [UInt8](Data(contentsOf: URL(filePath: path))) == pythonFile)
    #expect(folder.contents == ["same.safetensors"])
  }

  @Test(arguments: SafetensorsDType.allCases)
  func `every element type survives`(_ dtype: SafetensorsDType) throws {
    let path = folder.file("types")
    let bytes = (0..<6 * dtype.byteCount).map { UInt8($0) }
    try SafetensorsFile.write(
      [SafetensorsTensor("x", dtype: dtype, shape: [2, 3], bytes: bytes)], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(try file.entry("x").dtype == dtype)
    #expect(try file.entry("x").count == 6)
    #expect(try file.bytes(of: "x") == bytes)
  }

  @Test func `awkward names and metadata survive`() throws {
    let path = folder.file("names")
    let name = "quote \" backslash \\ tab \t bell \u{7} émoji 😀"
    try SafetensorsFile.write(
      [SafetensorsTensor(name, shape: [1], floats: [7])], metadata: [name: name, "": ""], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(try file.floats(of: name) == [7])
    #expect(file.metadata == [name: name, "": ""])
  }

  @Test func `tensors are written in pieces and in any order`() throws {
    let path = folder.file("pieces")
    var writer = try SafetensorsWriter(
      path: path, tensors: [("a", .f32, [5]), ("b", .i32, [2]), ("c", .f64, [])])
    let floats: [Float] = [1, 2, 3, 4, 5]
    try writer.append(floats.span.extracting(0..<2), to: "a")
    try writer.append([Int32(-7), 9].span, to: "b")
    try writer.append([Double.pi].span, to: "c")
    try writer.append(floats.span.extracting(2..<5), to: "a")
    #expect(!FileManager.default.fileExists(atPath: path), "nothing shows before the end")
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["c", "a", "b"])
    #expect(try file.floats(of: "a") == floats)
    #expect(try file.integers(of: "b", as: Int.self) == [-7, 9])
    #expect(try file.doubles(of: "c") == [.pi])
    #expect(try file.floats(of: "c") == [Float(Double.pi)])
  }

  @Test func `a file is replaced whole, and an open one keeps its content`() throws {
    let path = folder.file("replaced")
    try SafetensorsFile.write([SafetensorsTensor("x", shape: [1], floats: [1])], to: path)
    let old = try SafetensorsFile(path: path)
    try SafetensorsFile.write([SafetensorsTensor("x", shape: [1], floats: [2])], to: path)
    #expect(try old.floats(of: "x") == [1])
    #expect(try SafetensorsFile(path: path).floats(of: "x") == [2])
  }

  struct Refused: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let tensors: [SafetensorsTensor]
    let name: String
    let reason: String
  }

  @Test(arguments: [
    Refused(
      testDescription: "too few", tensors: [SafetensorsTensor("x", shape: [3], floats: [1, 2])],
      name: "x", reason: "F32 of shape [3] takes 12 bytes, but 8 are given"),
    Refused(
      testDescription: "too many", tensors: [SafetensorsTensor("x", shape: [], doubles: [1, 2])],
      name: "x", reason: "F64 of shape [] takes 8 bytes, but 16 are given"),
    Refused(
      testDescription: "name twice",
      tensors: [
        SafetensorsTensor("x", shape: [], floats: [1]),
        SafetensorsTensor("x", dtype: .u8, shape: [], bytes: [1]),
      ], name: "x", reason: "the name is given twice"),
    Refused(
      testDescription: "reserved name",
      tensors: [SafetensorsTensor("__metadata__", shape: [], floats: [1])],
      name: "__metadata__", reason: "the format reserves this name"),
    Refused(
      testDescription: "negative", tensors: [SafetensorsTensor("x", shape: [-1], floats: [])],
      name: "x", reason: "its shape [-1] has the negative dimension -1"),
    Refused(
      testDescription: "overflow",
      tensors: [SafetensorsTensor("x", shape: [1 << 62, 4], floats: [])],
      name: "x", reason: "its shape [4611686018427387904, 4] is too large"),
  ])
  func `contradictions are refused and nothing is left behind`(_ refused: Refused) throws {
    let path = folder.file("refused")
    let error = #expect(throws: SafetensorsError.self) {
      try SafetensorsFile.write(refused.tensors, to: path)
    }
    #expect(error == .invalidTensor(name: refused.name, reason: refused.reason))
    #expect(folder.contents == [])
  }

  @Test func `a writer that is given up leaves the old file alone`() throws {
    let path = folder.file("kept")
    try SafetensorsFile.write([SafetensorsTensor("x", shape: [1], floats: [1])], to: path)
    do {
      var writer = try SafetensorsWriter(path: path, tensors: [("x", .f32, [2])])
      try writer.append([Float(3)].span, to: "x")
      #expect(folder.contents.count == 2)
    }
    #expect(folder.contents == ["kept"])
    #expect(try SafetensorsFile(path: path).floats(of: "x") == [1])
  }

  @Test func `elements of the wrong type and unknown names are refused`() throws {
    func append<T: BitwiseCopyable>(_ values: [T], to name: String) throws {
      var writer = try SafetensorsWriter(path: folder.file("x"), tensors: [("x", .f32, [1])])
      try writer.append(values.span, to: name)
    }
    #expect(throws: SafetensorsError.invalidTensor(name: "y", reason: "it was not announced")) {
      try append([Float(1)], to: "y")
    }
    #expect(
      throws: SafetensorsError.invalidTensor(
        name: "x", reason: "it is F32, but elements of Int32 are given")
    ) { try append([Int32(1)], to: "x") }
    #expect(folder.contents == [])
  }

  @Test func `a folder that is not there is reported`() throws {
    let path = folder.file("none/x.safetensors")
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile.write([], to: path) }
    #expect(error == .unwritable(path: path, reason: "no such file or directory"))
    #expect(error?.isMissingFile == false)
  }
}
