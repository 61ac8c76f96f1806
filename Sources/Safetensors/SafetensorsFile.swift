/// A safetensors file opened for reading.
///
/// The file is memory-mapped: opening reads only the header, `withBytes` copies nothing, and
/// only what is touched is loaded. The whole header is checked on opening, so every tensor that
/// is listed can be read. The file must not be shortened by others while it is open;
/// `SafetensorsWriter` never does so, because it replaces files instead of changing them.
///
/// The format is little-endian, and big-endian machines are not supported.
///
///     let file = try SafetensorsFile(path: "model.safetensors")
///     let weight = try file.floats(of: "head.weight")
public final class SafetensorsFile: Sendable {
  /// Where the file lies.
  public let path: String
  /// The pairs of strings stored under `__metadata__`.
  public let metadata: [String: String]
  /// All tensors in the order of their data.
  public let entries: [SafetensorsEntry]
  /// The names of all tensors in the order of their data.
  public var names: [String] { entries.map(\.name) }

  private let file: MappedFile
  private let dataStart: Int
  private let indices: [String: Int]

  /// Opens the file at `path` and checks its header.
  ///
  /// Throws `.missingFile`, `.unreadable` or `.malformed`.
  public init(path: String) throws(SafetensorsError) {
    precondition(UInt16(littleEndian: 1) == 1, "big-endian machines are not supported")
    self.path = path
    file = try MappedFile(path: path)
    do throws(SafetensorsDefect) {
      if file.count < 8 { throw SafetensorsDefect.tooShort(bytes: file.count) }
      let length = file.withBytes(0..<8) { bytes in
        unsafe bytes.unsafeLoadUnaligned(as: UInt64.self)
      }
      let available = min(file.count - 8, SafetensorsHeader.maximumLength)
      if length > UInt64(available) {
        throw SafetensorsDefect.headerLength(length, available: available)
      }
      dataStart = 8 + Int(length)
      let json = file.withBytes(8..<dataStart) { array(of: $0) }
      let header = try SafetensorsHeader(json: json, dataCount: file.count - dataStart)
      metadata = header.metadata
      entries = header.entries
    } catch {
      throw SafetensorsError.malformed(path: path, error)
    }
    indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// Whether the file holds a tensor of this name.
  public func contains(_ name: String) -> Bool { indices[name] != nil }

  /// The description of a tensor.
  ///
  /// Throws `.tensorNotFound`, which names the nearest existing name.
  public func entry(_ name: String) throws(SafetensorsError) -> SafetensorsEntry {
    guard let index = indices[name] else {
      throw SafetensorsError.tensorNotFound(
        name: name, path: path, nearest: nearestName(to: name, among: names))
    }
    return entries[index]
  }

  /// Calls `body` with the bytes of a tensor as they lie in the file, without a copy.
  ///
  /// The bytes are little-endian and aligned to the element size only if the file's author saw
  /// to it. Throws `.tensorNotFound` and what `body` throws.
  public func withBytes<R>(of name: String, _ body: (RawSpan) throws -> R) throws -> R {
    try withBytes(of: try entry(name), body)
  }

  /// The bytes of a tensor as they lie in the file.
  ///
  /// Throws `.tensorNotFound`.
  public func bytes(of name: String) throws(SafetensorsError) -> [UInt8] {
    withBytes(of: try entry(name)) { array(of: $0) }
  }

  /// The elements of a floating-point tensor as `Float`, row-major.
  ///
  /// Converts from F32, F16 and BF16 exactly, and from F64 by rounding to nearest.
  /// Throws `.tensorNotFound`, and `.wrongType` for every other element type.
  public func floats(of name: String) throws(SafetensorsError) -> [Float] {
    let entry = try self.entry(name)
    return try unsafe [Float](uninitializedCount: entry.count) { (out) throws(SafetensorsError) in
      try copy(entry, into: &out)
    }
  }

  /// The elements of a floating-point tensor as `Double`, row-major.
  ///
  /// Converts from F64, F32, F16 and BF16, all exactly.
  /// Throws `.tensorNotFound`, and `.wrongType` for every other element type.
  public func doubles(of name: String) throws(SafetensorsError) -> [Double] {
    let entry = try self.entry(name)
    return try unsafe [Double](uninitializedCount: entry.count) { (out) throws(SafetensorsError) in
      let converted = withBytes(of: entry) { convert($0, entry.dtype, into: &out) }
      if !converted { throw wrongType(entry, "Double") }
    }
  }

  /// Copies the elements of a floating-point tensor into memory that the caller owns, converting
  /// like `floats(of:)`.
  ///
  /// Throws `.tensorNotFound`, `.wrongType`, and `.wrongCount` if `out` does not hold exactly
  /// the tensor's elements.
  public func copyFloats(of name: String, into out: inout MutableSpan<Float>)
    throws(SafetensorsError)
  {
    try copy(try entry(name), into: &out)
  }

  /// The elements of an integer or BOOL tensor as `T`, row-major.
  ///
  /// Throws `.tensorNotFound`, `.wrongType` for floating-point tensors, and `.valueOutOfRange`
  /// for a value that `T` cannot hold.
  public func integers<T: FixedWidthInteger & BitwiseCopyable>(of name: String, as type: T.Type)
    throws(SafetensorsError) -> [T]
  {
    let entry = try self.entry(name)
    let result: Result<[T], SafetensorsError> = withBytes(of: entry) { bytes in
      do throws(SafetensorsError) {
        return switch entry.dtype {
        case .bool, .u8: .success(try integers(bytes, of: UInt8.self, entry))
        case .i8: .success(try integers(bytes, of: Int8.self, entry))
        case .u16: .success(try integers(bytes, of: UInt16.self, entry))
        case .i16: .success(try integers(bytes, of: Int16.self, entry))
        case .u32: .success(try integers(bytes, of: UInt32.self, entry))
        case .i32: .success(try integers(bytes, of: Int32.self, entry))
        case .u64: .success(try integers(bytes, of: UInt64.self, entry))
        case .i64: .success(try integers(bytes, of: Int64.self, entry))
        default: throw wrongType(entry, "integers")
        }
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func integers<Stored: FixedWidthInteger & BitwiseCopyable, T: FixedWidthInteger>(
    _ bytes: RawSpan, of: Stored.Type, _ entry: SafetensorsEntry
  ) throws(SafetensorsError) -> [T] {
    var result: [T] = []
    result.reserveCapacity(entry.count)
    for i in 0..<entry.count {
      let value = unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: i * MemoryLayout<Stored>.size, as: Stored.self)
      guard let exact = T(exactly: value) else {
        throw SafetensorsError.valueOutOfRange(
          name: entry.name, path: path, index: i, value: "\(value)", wanted: "\(T.self)")
      }
      result.append(exact)
    }
    return result
  }

  private func copy(_ entry: SafetensorsEntry, into out: inout MutableSpan<Float>)
    throws(SafetensorsError)
  {
    if out.count != entry.count {
      throw SafetensorsError.wrongCount(
        name: entry.name, path: path, expected: entry.count, given: out.count)
    }
    let converted = withBytes(of: entry) { convert($0, entry.dtype, into: &out) }
    if !converted { throw wrongType(entry, "Float") }
  }

  private func withBytes<R, E: Error>(
    of entry: SafetensorsEntry, _ body: (RawSpan) throws(E) -> R
  ) throws(E) -> R {
    let range = entry.byteRange
    return try file.withBytes(dataStart + range.lowerBound..<dataStart + range.upperBound, body)
  }

  private func wrongType(_ entry: SafetensorsEntry, _ wanted: String) -> SafetensorsError {
    .wrongType(name: entry.name, path: path, found: entry.dtype, wanted: wanted)
  }
}
