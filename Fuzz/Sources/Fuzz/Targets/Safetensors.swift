import Safetensors

extension FuzzTarget {
  /// The reader of safetensors files; what it reads, it must be able to write and read again.
  static let safetensors = FuzzTarget(name: "safetensors", maximumLength: 4096) {
    try Framed.seeds()
  } read: { input in
    let file = try SafetensorsFile(path: Scratch.write(Framed.file(input), to: "in.safetensors"))
    var copies: [SafetensorsTensor] = []
    for entry in file.entries {
      let bytes = try file.bytes(of: entry.name)
      precondition(bytes.count == entry.byteRange.count)
      if let floats = try? file.floats(of: entry.name) { precondition(floats.count == entry.count) }
      if let doubles = try? file.doubles(of: entry.name) {
        precondition(doubles.count == entry.count)
      }
      _ = try? file.integers(of: entry.name, as: Int32.self)
      copies.append(
        SafetensorsTensor(entry.name, dtype: entry.dtype, shape: entry.shape, bytes: bytes))
    }
    _ = try? file.entry("weight")
    let path = Scratch.path("out.safetensors")
    try SafetensorsFile.write(copies, metadata: file.metadata, to: path)
    let again = try! SafetensorsFile(path: path)
    precondition(again.metadata == file.metadata && Set(again.names) == Set(file.names))
    for entry in file.entries {
      precondition(try! again.bytes(of: entry.name) == file.bytes(of: entry.name))
    }
  }
}

/// Safetensors files as inputs. Changing the header of one would nearly always contradict the length
/// before it, so an input may leave that out:
///
/// ```
/// 1 byte    odd: all that follows is a file as it is
/// 2 bytes   even: the number of bytes of data, little-endian
/// the header, the data
/// ```
enum Framed {
  static func file(_ input: [UInt8]) -> [UInt8] {
    var rest = input
    if rest.takeNumber(bytes: 1) % 2 == 1 { return rest }
    let dataCount = rest.takeNumber(bytes: 2)
    let header = max(0, rest.count - dataCount)
    return (0..<8).map { UInt8(truncatingIfNeeded: header >> (8 * $0)) } + rest
  }

  static func input(_ file: [UInt8]) -> [UInt8] {
    var rest = file
    let dataCount = rest.count - 8 - rest.takeNumber(bytes: 8)
    return [0, UInt8(truncatingIfNeeded: dataCount), UInt8(truncatingIfNeeded: dataCount >> 8)]
      + rest
  }

  /// Both forms of a file with the given tensors.
  static func inputs(
    _ tensors: [SafetensorsTensor], _ metadata: [String: String] = [:]
  ) throws -> [[UInt8]] {
    try SafetensorsFile.write(tensors, metadata: metadata, to: Scratch.path("seed.safetensors"))
    let file = try Scratch.read("seed.safetensors")
    return [[1] + file, input(file)]
  }

  static func seeds() throws -> [[UInt8]] {
    let every = SafetensorsDType.allCases.map { dtype in
      SafetensorsTensor(
        dtype.rawValue, dtype: dtype, shape: [2, 1],
        bytes: (0..<UInt8(2 * dtype.byteCount)).map { $0 })
    }
    return try inputs([])
      + inputs(
        [SafetensorsTensor("é \" \\ \u{1}", shape: [0, 3], floats: [])], ["a": "b", "": "\n"])
      + inputs(every)
  }
}
