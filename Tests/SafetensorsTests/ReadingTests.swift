import Foundation
import Safetensors
import Testing

@Suite struct ReadingTests {
  let folder = try! TemporaryFolder()

  @Test func `a file written by Python is read in full`() throws {
    let file = try SafetensorsFile(path: folder.write(pythonFile))
    #expect(file.metadata == ["format": "np"])
    #expect(file.names == ["count", "empty", "scalar", "weight é", "half", "flags"])
    #expect(try file.integers(of: "count", as: Int.self) == [-1, 1 << 40])
    #expect(try file.floats(of: "empty") == [])
    #expect(try file.entry("empty").shape == [0, 3])
    #expect(try file.floats(of: "scalar") == [2.5])
    #expect(try file.entry("scalar").shape == [])
    #expect(try file.entry("scalar").count == 1)
    #expect(try file.doubles(of: "weight é") == [1.5, -0.25])
    // 6e-8 rounds to the smallest subnormal of half precision.
    #expect(try file.floats(of: "half") == [1, -2, 65504, 0x1p-24])
    #expect(try file.integers(of: "flags", as: UInt8.self) == [1, 0, 1])
    #expect(try file.bytes(of: "flags") == [1, 0, 1])
    let first = try file.withBytes(of: "flags") { $0.byteCount }
    #expect(first == 3)
  }

  @Test func `every half is read like Float16 reads it`() throws {
    let bits = (0...UInt16.max).map { $0 }
    let bytes = bits.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    let path = folder.file("halves")
    try SafetensorsFile.write(
      [
        SafetensorsTensor("f16", dtype: .f16, shape: [65536], bytes: bytes),
        SafetensorsTensor("bf16", dtype: .bf16, shape: [65536], bytes: bytes),
      ], to: path)
    let file = try SafetensorsFile(path: path)
    let halves = try file.floats(of: "f16")
    let wide = try file.doubles(of: "f16")
    for i in bits.indices {
      let expected = halfByDefinition(bits[i])
      let isSame = halves[i] == expected || (halves[i].isNaN && expected.isNaN)
      #expect(isSame && halves[i].sign == expected.sign, "bits \(bits[i])")
      #expect(wide[i] == Double(expected) || expected.isNaN)
    }
    let brain = try file.floats(of: "bf16")
    #expect(bits.indices.allSatisfy { brain[$0].bitPattern == UInt32(bits[$0]) << 16 })
  }

  /// (-1)^s · 2^(e-15) · (1 + f/1024), or (-1)^s · 2^-14 · f/1024 for e = 0.
  private func halfByDefinition(_ bits: UInt16) -> Float {
    let sign: Float = bits >> 15 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
    return switch exponent {
    case 0: sign * (fraction / 1024) * 0x1p-14
    case 31:
      fraction == 0
        ? sign * .infinity
        : Float(sign: bits >> 15 == 0 ? .plus : .minus, exponent: 0, significand: .nan)
    default:
      sign * (1 + fraction / 1024) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    }
  }

  @Test func `wrong questions are answered with what is there`() throws {
    let path = try folder.write(pythonFile)
    let file = try SafetensorsFile(path: path)
    #expect(
      throws: SafetensorsError.tensorNotFound(name: "scaler", path: path, nearest: "scalar")
    ) { try file.floats(of: "scaler") }
    #expect(
      throws: SafetensorsError.wrongType(
        name: "count", path: path, found: .i64, wanted: "Float")
    ) { try file.floats(of: "count") }
    #expect(
      throws: SafetensorsError.wrongType(
        name: "half", path: path, found: .f16, wanted: "integers")
    ) { try file.integers(of: "half", as: Int.self) }
    #expect(
      throws: SafetensorsError.valueOutOfRange(
        name: "count", path: path, index: 1, value: "1099511627776", wanted: "Int32")
    ) { try file.integers(of: "count", as: Int32.self) }
    var destination = [Float](repeating: 0, count: 3)
    let error = #expect(throws: SafetensorsError.self) {
      var span = destination.mutableSpan
      try file.copyFloats(of: "weight é", into: &span)
    }
    #expect(error == .wrongCount(name: "weight é", path: path, expected: 2, given: 3))
  }

  @Test func `floats are copied into the caller's memory`() throws {
    let file = try SafetensorsFile(path: folder.write(pythonFile))
    var destination = [Float](repeating: 0, count: 2)
    var span = destination.mutableSpan
    try file.copyFloats(of: "weight é", into: &span)
    #expect(destination == [1.5, -0.25])
  }

  @Test func `a missing file is told from a bad one`() throws {
    let missing = folder.file("none.safetensors")
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: missing) }
    #expect(error == .missingFile(path: missing))
    #expect(error?.isMissingFile == true)
    let directory = #expect(throws: SafetensorsError.self) {
      try SafetensorsFile(path: folder.path)
    }
    #expect(directory == .unreadable(path: folder.path, reason: "it is a folder"))
    #expect(directory?.isMissingFile == false)
  }

  @Test(arguments: defects) func `bad files are refused`(_ bad: BadFile) throws {
    let path = try folder.write(bad.bytes)
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    #expect(error == .malformed(path: path, bad.defect))
    let sentence = "\(try #require(error))"
    #expect(sentence.hasPrefix(path) && sentence.hasSuffix(".") && !sentence.contains("\n"))
  }

  @Test func `a header that is cut anywhere is refused`() throws {
    for count in 0..<pythonFile.count {
      let path = try folder.write(Array(pythonFile[..<count]))
      #expect(throws: SafetensorsError.self, "cut at \(count)") { try SafetensorsFile(path: path) }
    }
  }

  @Test func `harmless variations are accepted`() throws {
    let header = """
      { "b" : {"data_offsets":[4,8],"shape":[1],"dtype":"F32","note":[true,null,-1.5e3]},
        "\\u0061\\ud83d\\ude00\\n" : {"dtype":"I32","shape":[],"data_offsets":[0,4]} }  \n
      """
    let file = try SafetensorsFile(path: folder.write(safetensors(header: header, dataCount: 8)))
    #expect(file.names == ["a😀\n", "b"])
    let empty = try SafetensorsFile(path: folder.write(safetensors(header: "{}")))
    #expect(empty.names == [] && empty.metadata == [:])
    let error = #expect(throws: SafetensorsError.self) { try empty.entry("x") }
    #expect(error == .tensorNotFound(name: "x", path: empty.path, nearest: nil))
  }
}

struct BadFile: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let defect: SafetensorsDefect
}

private func bad(
  _ description: String, _ header: String, data: Int = 0, _ defect: SafetensorsDefect
) -> BadFile {
  BadFile(
    testDescription: description, bytes: safetensors(header: header, dataCount: data),
    defect: defect)
}

/// An entry of the header.
private func entry(_ name: String, _ dtype: String, _ shape: String, _ offsets: String) -> String {
  "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
}

private let defects: [BadFile] = [
  BadFile(testDescription: "empty", bytes: [], defect: .tooShort(bytes: 0)),
  BadFile(
    testDescription: "seven bytes", bytes: [1, 0, 0, 0, 0, 0, 0], defect: .tooShort(bytes: 7)),
  BadFile(
    testDescription: "header longer than the file", bytes: [3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D],
    defect: .headerLength(3, available: 2)),
  BadFile(
    testDescription: "header length of all ones", bytes: [UInt8](repeating: 255, count: 8) + [0],
    defect: .headerLength(.max, available: 1)),
  bad("no header", "", .header("it does not begin with “{”", byte: 0)),
  bad("header begins with a space", " {}", .header("it does not begin with “{”", byte: 0)),
  bad("not closed", "{", .header("“\"” is missing", byte: 1)),
  bad("comma at the end", #"{"__metadata__":{},}"#, .header("“\"” is missing", byte: 19)),
  bad("text after the end", "{}x", .header("text after the end of the value", byte: 2)),
  bad("no colon", #"{"a" 1}"#, .header("“:” is missing", byte: 5)),
  bad("no value", #"{"a":}"#, .header("a value is missing", byte: 5)),
  bad("bad word", #"{"a":trUe}"#, .header("a value is missing", byte: 5)),
  bad("leading zero", #"{"a":01}"#, .header("a number begins with zero", byte: 7)),
  bad("bad escape", #"{"\q":1}"#, .header("an escape is unknown", byte: 4)),
  bad("half a surrogate", #"{"\ud83d":1}"#, .header("a surrogate stands alone", byte: 8)),
  bad(
    "newline in a string", "{\"a\nb\":1}",
    .header("a control character stands in a string", byte: 3)),
  BadFile(
    testDescription: "string is not UTF-8",
    bytes: [6, 0, 0, 0, 0, 0, 0, 0] + [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31],
    defect: .header("a string is not UTF-8", byte: 1)),
  bad(
    "nested deep", #"{"a":"# + String(repeating: "[", count: 100_000),
    .header("values are nested too deep", byte: 37)),
  bad(
    "metadata is no object", #"{"__metadata__":3}"#,
    .entry(tensor: "__metadata__", "it is not an object")),
  bad(
    "metadata holds a number", #"{"__metadata__":{"a":3}}"#,
    .entry(tensor: "__metadata__", "the value of “a” is not a string")),
  bad("tensor is no object", #"{"a":[]}"#, .entry(tensor: "a", "it is not an object")),
  bad(
    "dtype missing", #"{"a":{"shape":[],"data_offsets":[0,4]}}"#,
    .entry(tensor: "a", "“dtype” is missing")),
  bad(
    "shape missing", #"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#,
    .entry(tensor: "a", "“shape” is missing")),
  bad(
    "offsets missing", #"{"a":{"dtype":"F32","shape":[]}}"#,
    .entry(tensor: "a", "“data_offsets” is missing")),
  bad(
    "dtype is a number", #"{"a":{"dtype":32}}"#, .entry(tensor: "a", "“dtype” has the wrong type")),
  bad(
    "key twice", #"{"a":{"dtype":"F32","dtype":"F64"}}"#,
    .header("the key “dtype” occurs twice", byte: 20)),
  bad(
    "name twice", "{\(entry("a", "U8", "[]", "[0,1]")),\(entry("a", "U8", "[]", "[1,2]"))}",
    data: 2,
    .duplicateName("a")),
  bad(
    "name twice in two spellings",
    "{\(entry("\u{E9}", "U8", "[]", "[0,1]")),\(entry("e\u{301}", "U8", "[]", "[1,2]"))}", data: 2,
    .duplicateName("\u{E9}")),
  bad(
    "unknown dtype", "{\(entry("a", "F33", "[]", "[0,4]"))}", data: 4,
    .unknownDType(tensor: "a", "F33")),
  bad(
    "negative dimension", "{\(entry("a", "F32", "[2,-3]", "[0,4]"))}", data: 4,
    .negativeDimension(tensor: "a", -3)),
  bad(
    "fractional dimension", "{\(entry("a", "F32", "[1.5]", "[0,4]"))}", data: 4,
    .entry(tensor: "a", "“shape” holds 1.5, which is no integer")),
  bad(
    "dimension of text", "{\(entry("a", "F32", #"["1"]"#, "[0,4]"))}", data: 4,
    .entry(tensor: "a", "“shape” holds something other than integers")),
  bad(
    "dimension beyond 64 bits", "{\(entry("a", "F32", "[99999999999999999999]", "[0,4]"))}",
    data: 4,
    .overflow(tensor: "a")),
  bad(
    "product overflows", "{\(entry("a", "F32", "[4294967296,4294967296]", "[0,4]"))}", data: 4,
    .overflow(tensor: "a")),
  bad(
    "one offset", "{\(entry("a", "F32", "[]", "[4]"))}", data: 4,
    .entry(tensor: "a", "“data_offsets” is not a start and an end, but [4]")),
  bad(
    "offsets reversed", "{\(entry("a", "F32", "[]", "[4,0]"))}", data: 4,
    .entry(tensor: "a", "“data_offsets” is not a start and an end, but [4, 0]")),
  bad(
    "negative offset", "{\(entry("a", "F32", "[]", "[-4,0]"))}", data: 4,
    .entry(tensor: "a", "“data_offsets” is not a start and an end, but [-4, 0]")),
  bad(
    "shape and range differ", "{\(entry("a", "F32", "[2,3]", "[0,20]"))}", data: 20,
    .sizeMismatch(tensor: "a", needed: 24, found: 20)),
  bad(
    "overlap", "{\(entry("a", "U8", "[4]", "[0,4]")),\(entry("b", "U8", "[4]", "[2,6]"))}", data: 6,
    .overlap(tensor: "b", start: 2, previousEnd: 4)),
  bad(
    "gap", "{\(entry("a", "U8", "[4]", "[0,4]")),\(entry("b", "U8", "[1]", "[5,6]"))}", data: 6,
    .gap(tensor: "b", start: 5, previousEnd: 4)),
  bad(
    "gap at the start", "{\(entry("a", "U8", "[4]", "[4,8]"))}", data: 8,
    .gap(tensor: "a", start: 4, previousEnd: 0)),
  bad(
    "data cut short", "{\(entry("a", "F32", "[4]", "[0,16]"))}", data: 15,
    .beyondEnd(tensor: "a", end: 16, available: 15)),
  bad(
    "bytes after the last tensor", "{\(entry("a", "F32", "[4]", "[0,16]"))}", data: 17,
    .trailingBytes(1)),
]
