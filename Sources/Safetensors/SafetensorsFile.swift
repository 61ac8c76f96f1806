import DescentFiles
import Synchronization

/// A safetensors file opened for reading.
///
/// Opening reads only the header and checks all of it, so every tensor that is listed lies in the
/// file. Tensors are read when they are asked for. Whoever replaces the file meanwhile, as
/// `SafetensorsWriter` does, changes nothing here; whoever shortens it makes reading throw.
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

  private let file: InputFile
  private let dataStart: Int
  private let indices: [String: Int]
  private let mapping = Mutex<MappedFile?>(nil)

  /// Opens the file at `path` and checks its header.
  ///
  /// Throws `.missingFile`, `.unreadable` or `.malformed`.
  public init(path: String) throws(SafetensorsError) {
    precondition(UInt16(littleEndian: 1) == 1, "big-endian machines are not supported")
    self.path = path
    do throws(FileError) {
      file = try InputFile(path: path)
    } catch { throw SafetensorsError(error) }
    let (header, end) = try Self.header(of: file)
    (metadata, entries, dataStart) = (header.metadata, header.entries, end)
    indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// The header, and where it ends.
  private static func header(
    of file: InputFile
  ) throws(SafetensorsError) -> (SafetensorsHeader, end: Int) {
    func malformed(_ defect: SafetensorsDefect) -> SafetensorsError {
      .malformed(path: file.path, defect)
    }
    if file.count < 8 { throw malformed(.tooShort(bytes: file.count)) }
    func read(_ range: Range<Int>) throws(SafetensorsError) -> [UInt8] {
      do throws(FileError) { return try file.bytes(range) } catch { throw SafetensorsError(error) }
    }
    let length = try read(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let available = min(file.count - 8, SafetensorsHeader.maximumLength)
    if length > UInt64(available) { throw malformed(.headerLength(length, available: available)) }
    let end = 8 + Int(length)
    let json = try read(8..<end)
    do throws(SafetensorsDefect) {
      return (try SafetensorsHeader(json: json, dataCount: file.count - end), end)
    } catch { throw malformed(error) }
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

  /// Calls `body` with the bytes of a tensor, little-endian, which are read for it.
  ///
  /// Throws `.tensorNotFound`, `.unreadable` and what `body` throws.
  public func withBytes<R>(of name: String, _ body: (RawSpan) throws -> R) throws -> R {
    let bytes = try bytes(of: name)
    return try unsafe body(bytes.span.bytes)
  }

  /// The bytes of a tensor, little-endian.
  ///
  /// Throws `.tensorNotFound` and `.unreadable`.
  public func bytes(of name: String) throws(SafetensorsError) -> [UInt8] {
    try bytes(of: try entry(name))
  }

  /// Fills `memory` with the bytes of a tensor, little-endian, from byte `offset` on.
  ///
  /// Throws `.tensorNotFound`, `.wrongCount` where the tensor ends before, and `.unreadable`.
  public func read(
    _ name: String, from offset: Int = 0, into memory: inout MutableRawSpan
  ) throws(SafetensorsError) {
    let entry = try self.entry(name)
    if offset < 0 || offset > entry.byteRange.count - memory.byteCount {
      throw SafetensorsError.wrongCount(
        name: name, path: path, expected: entry.count,
        given: (offset + memory.byteCount) / entry.dtype.byteCount)
    }
    try read(entry, from: offset, into: &memory)
  }

  /// The elements of a floating-point tensor as `Float`, row-major.
  ///
  /// Converts from F32, F16 and BF16 exactly, and from F64 by rounding to nearest.
  /// Throws `.tensorNotFound`, `.unreadable`, and `.wrongType` for every other element type.
  public func floats(of name: String) throws(SafetensorsError) -> [Float] {
    let entry = try self.entry(name)
    return try unsafe [Float](uninitializedCount: entry.count) { (out) throws(SafetensorsError) in
      try copy(entry, into: &out)
    }
  }

  /// The elements of a floating-point tensor as `Double`, row-major.
  ///
  /// Converts from F64, F32, F16 and BF16, all exactly.
  /// Throws `.tensorNotFound`, `.unreadable`, and `.wrongType` for every other element type.
  public func doubles(of name: String) throws(SafetensorsError) -> [Double] {
    let entry = try self.entry(name)
    return try unsafe [Double](uninitializedCount: entry.count) { (out) throws(SafetensorsError) in
      if entry.dtype == .f64 { return try read(entry, into: &out) }
      let bytes = try bytes(of: entry)
      let converted = unsafe convert(bytes.span.bytes, entry.dtype, into: &out)
      if !converted { throw wrongType(entry, "Double") }
    }
  }

  /// Copies the elements of a floating-point tensor into memory that the caller owns, converting
  /// like `floats(of:)`.
  ///
  /// Throws `.tensorNotFound`, `.unreadable`, `.wrongType`, and `.wrongCount` if `out` does not
  /// hold exactly the tensor's elements.
  public func copyFloats(of name: String, into out: inout MutableSpan<Float>)
    throws(SafetensorsError)
  {
    try copy(try entry(name), into: &out)
  }

  /// The elements of an integer or BOOL tensor as `T`, row-major.
  ///
  /// Throws `.tensorNotFound`, `.unreadable`, `.wrongType` for floating-point tensors, and
  /// `.valueOutOfRange` for a value that `T` cannot hold.
  public func integers<T: FixedWidthInteger & BitwiseCopyable>(of name: String, as type: T.Type)
    throws(SafetensorsError) -> [T]
  {
    let entry = try self.entry(name)
    switch entry.dtype {
    case .bool, .u8: return try integers(of: UInt8.self, entry)
    case .i8: return try integers(of: Int8.self, entry)
    case .u16: return try integers(of: UInt16.self, entry)
    case .i16: return try integers(of: Int16.self, entry)
    case .u32: return try integers(of: UInt32.self, entry)
    case .i32: return try integers(of: Int32.self, entry)
    case .u64: return try integers(of: UInt64.self, entry)
    case .i64: return try integers(of: Int64.self, entry)
    default: throw wrongType(entry, "integers")
    }
  }

  private func integers<Stored: FixedWidthInteger & BitwiseCopyable, T: FixedWidthInteger>(
    of: Stored.Type, _ entry: SafetensorsEntry
  ) throws(SafetensorsError) -> [T] {
    let stored = try bytes(of: entry)
    let bytes = unsafe stored.span.bytes
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
    if entry.dtype == .f32 { return try read(entry, into: &out) }
    let bytes = try bytes(of: entry)
    let converted = unsafe convert(bytes.span.bytes, entry.dtype, into: &out)
    if !converted { throw wrongType(entry, "Float") }
  }

  /// A tensor where it lies in the file, mapped into memory: nothing is read before it is touched.
  ///
  /// The whole file is mapped once, by the first call. See ``MappedFile`` for what must not happen to it.
  /// Throws `.tensorNotFound` and `.unreadable`.
  package func mapped(_ name: String) throws(SafetensorsError) -> MappedTensor {
    let entry = try self.entry(name)
    let result = mapping.withLock { (mapping) -> Result<MappedFile, FileError> in
      if let mapping { return .success(mapping) }
      let made = Result { () throws(FileError) in try MappedFile(file) }
      mapping = try? made.get()
      return made
    }
    do throws(FileError) {
      return MappedTensor(
        entry: entry, file: try result.get(), offset: dataStart + entry.byteRange.lowerBound)
    } catch { throw SafetensorsError(error) }
  }

  // MARK: Reading

  private func bytes(of entry: SafetensorsEntry) throws(SafetensorsError) -> [UInt8] {
    let start = dataStart + entry.byteRange.lowerBound
    do throws(FileError) {
      return try file.bytes(start..<start + entry.byteRange.count)
    } catch { throw SafetensorsError(error) }
  }

  private func read(
    _ entry: SafetensorsEntry, from offset: Int = 0, into memory: inout MutableRawSpan
  ) throws(SafetensorsError) {
    do throws(FileError) {
      try file.read(from: dataStart + entry.byteRange.lowerBound + offset, into: &memory)
    } catch { throw SafetensorsError(error) }
  }

  /// Reads elements of the type that is stored.
  private func read<Element: BitwiseCopyable>(
    _ entry: SafetensorsEntry, into out: inout MutableSpan<Element>
  ) throws(SafetensorsError) {
    var failure: SafetensorsError?
    unsafe out.withUnsafeMutableBytes { buffer in
      var memory = unsafe buffer.mutableBytes
      do throws(SafetensorsError) { try read(entry, into: &memory) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private func wrongType(_ entry: SafetensorsEntry, _ wanted: String) -> SafetensorsError {
    .wrongType(name: entry.name, path: path, found: entry.dtype, wanted: wanted)
  }
}

/// A tensor in a file that is mapped into memory.
package struct MappedTensor: Sendable {
  /// What it is.
  package let entry: SafetensorsEntry
  /// What keeps it in memory.
  package let file: MappedFile
  /// The first byte of its elements in the file.
  package let offset: Int
}
