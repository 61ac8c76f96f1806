import DescentFiles

/// Writes a safetensors file tensor by tensor, without ever holding all of them in memory.
///
/// All names, types and shapes are given first; the data then comes in any order and in pieces of
/// any size, each appended to its tensor. The file appears under its path in `finish()`, complete
/// or not at all: until then it has a temporary name in the same folder, and a writer that goes
/// away unfinished removes it. A link stays, and what it leads to is replaced; folders, devices and
/// pipes are refused. The bytes are those of the reference implementation: wide element
/// types first, then by name, with a header filled up to a multiple of 8 bytes.
///
///     var writer = try SafetensorsWriter(
///       path: "model.safetensors", tensors: [("weight", .f32, [10, 64])])
///     try writer.append(weight.span, to: "weight")
///     try writer.finish()
public struct SafetensorsWriter: ~Copyable {
  private var file: OutputFile
  private let entries: [String: SafetensorsEntry]
  private let dataStart: Int
  private var written: [String: Int] = [:]

  /// Begins a file at `path`.
  ///
  /// Throws `.invalidTensor` for a duplicate or reserved name, a negative dimension or a size that
  /// overflows, and `.unwritable` if the folder does not take the file.
  public init(
    path: String,
    tensors: [(name: String, dtype: SafetensorsDType, shape: [Int])],
    metadata: [String: String] = [:]
  ) throws(SafetensorsError) {
    precondition(UInt16(littleEndian: 1) == 1, "big-endian machines are not supported")
    let header = try SafetensorsHeader(laying: tensors, metadata: metadata)
    let start = header.encoded()
    if start.count - 8 > SafetensorsHeader.maximumLength {
      throw SafetensorsError.unwritable(
        path: path,
        reason: "its header would have \(start.count - 8) bytes, and the format allows "
          + "\(SafetensorsHeader.maximumLength)")
    }
    do throws(FileError) {
      file = try Self.begin(path, start)
    } catch { throw SafetensorsError(error) }
    entries = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
    dataStart = start.count
  }

  private static func begin(
    _ path: String, _ start: [UInt8]
  ) throws(FileError) -> OutputFile {
    let file = try OutputFile(path: path)
    try file.write(unsafe start.span.bytes, at: 0)
    return file
  }

  /// Appends bytes, little-endian, to a tensor of any type.
  ///
  /// Throws `.invalidTensor` if the tensor was not announced or more is given than its shape
  /// holds, and `.unwritable`.
  public mutating func append(_ bytes: RawSpan, to name: String) throws(SafetensorsError) {
    guard let entry = entries[name] else {
      throw SafetensorsError.invalidTensor(name: name, reason: "it was not announced")
    }
    let offset = written[name, default: 0]
    if bytes.byteCount > entry.byteRange.count - offset {
      throw SafetensorsError.invalidTensor(
        name: name,
        reason: "\(entry.dtype.rawValue) of shape \(entry.shape) takes "
          + "\(entry.byteRange.count) bytes, but \(offset + bytes.byteCount) are given")
    }
    let position = dataStart + entry.byteRange.lowerBound + offset
    do throws(FileError) {
      try file.write(bytes, at: position)
    } catch { throw SafetensorsError(error) }
    written[name] = offset + bytes.byteCount
  }

  /// Appends values to a tensor.
  ///
  /// Throws like the form for bytes, and `.invalidTensor` if the tensor's type is not `Element`'s:
  /// F32 takes only `Float`, F64 only `Double`, and every other type elements of its size.
  public mutating func append<Element: BitwiseCopyable>(
    _ values: Span<Element>, to name: String
  ) throws(SafetensorsError) {
    if let dtype = entries[name]?.dtype {
      let fits =
        switch dtype {
        case .f32: Element.self == Float.self
        case .f64: Element.self == Double.self
        default: MemoryLayout<Element>.stride == dtype.byteCount
        }
      if !fits {
        throw SafetensorsError.invalidTensor(
          name: name, reason: "it is \(dtype.rawValue), but elements of \(Element.self) are given")
      }
    }
    try append(unsafe values.bytes, to: name)
  }

  /// Checks that every tensor is complete, makes the file durable and gives it its name.
  ///
  /// Throws `.invalidTensor` for an incomplete tensor, and `.unwritable`.
  public consuming func finish() throws(SafetensorsError) {
    try checkComplete()
    do throws(FileError) { try file.commit() } catch { throw SafetensorsError(error) }
  }

  /// Waits until what was written is on the disk, so that `finish()` is quick.
  ///
  /// Throws `.invalidTensor` for an incomplete tensor, and `.unwritable`.
  public func synchronize() throws(SafetensorsError) {
    try checkComplete()
    do throws(FileError) { try file.synchronize() } catch { throw SafetensorsError(error) }
  }

  private func checkComplete() throws(SafetensorsError) {
    for (name, entry) in entries where written[name, default: 0] < entry.byteRange.count {
      throw SafetensorsError.invalidTensor(
        name: name,
        reason: "\(entry.dtype.rawValue) of shape \(entry.shape) takes "
          + "\(entry.byteRange.count) bytes, but \(written[name, default: 0]) are given")
    }
  }
}

/// A tensor to write: its name, type, shape and elements.
public struct SafetensorsTensor: Sendable {
  /// The tensor's name.
  public let name: String
  /// The type of its elements.
  public let dtype: SafetensorsDType
  /// Its dimensions, outermost first; empty for a scalar.
  public let shape: [Int]

  private enum Elements {
    case bytes([UInt8])
    case floats([Float])
    case doubles([Double])
  }
  private let elements: Elements

  /// An F32 tensor with `floats` in row-major order.
  public init(_ name: String, shape: [Int], floats: [Float]) {
    (self.name, dtype, self.shape, elements) = (name, .f32, shape, .floats(floats))
  }

  /// An F64 tensor with `doubles` in row-major order.
  public init(_ name: String, shape: [Int], doubles: [Double]) {
    (self.name, dtype, self.shape, elements) = (name, .f64, shape, .doubles(doubles))
  }

  /// A tensor of any type with its elements as little-endian `bytes`, row-major.
  public init(_ name: String, dtype: SafetensorsDType, shape: [Int], bytes: [UInt8]) {
    (self.name, self.dtype, self.shape, elements) = (name, dtype, shape, .bytes(bytes))
  }

  fileprivate func append(to writer: inout SafetensorsWriter) throws(SafetensorsError) {
    switch elements {
    case .bytes(let bytes): try writer.append(unsafe bytes.span.bytes, to: name)
    case .floats(let floats): try writer.append(floats.span, to: name)
    case .doubles(let doubles): try writer.append(doubles.span, to: name)
    }
  }
}

extension SafetensorsFile {
  /// Writes `tensors` to a file at `path`, complete or not at all, replacing what was there.
  ///
  /// Throws `.invalidTensor` if a tensor's elements do not fill its shape, a name occurs twice or
  /// a dimension is negative, and `.unwritable`.
  public static func write(
    _ tensors: [SafetensorsTensor], metadata: [String: String] = [:], to path: String
  ) throws(SafetensorsError) {
    var writer = try SafetensorsWriter(
      path: path, tensors: tensors.map { ($0.name, $0.dtype, $0.shape) }, metadata: metadata)
    for tensor in tensors { try tensor.append(to: &writer) }
    try writer.finish()
  }
}
