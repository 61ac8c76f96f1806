import DescentFiles

/// What went wrong while reading or writing a safetensors file.
///
/// `isMissingFile` tells a file that is not there from one whose content is wrong.
public enum SafetensorsError: Error, Equatable, Sendable {
  /// There is no file at the path.
  case missingFile(path: String)
  /// The system refused to open or read the file.
  case unreadable(path: String, reason: String)
  /// The system refused to create, write or rename the file; nothing was left behind.
  case unwritable(path: String, reason: String)
  /// The file is not valid safetensors.
  case malformed(path: String, SafetensorsDefect)
  /// The file is not the index of a model's shards; the reason is the second half of a sentence.
  case malformedIndex(path: String, reason: String)
  /// No tensor of this name is in the file; `nearest` is the closest name that is.
  case tensorNotFound(name: String, path: String, nearest: String?)
  /// The tensor's element type cannot be read as what was asked for.
  case wrongType(name: String, path: String, found: SafetensorsDType, wanted: String)
  /// A stored integer does not fit the integer type asked for.
  case valueOutOfRange(name: String, path: String, index: Int, value: String, wanted: String)
  /// The destination does not hold as many elements as the tensor.
  case wrongCount(name: String, path: String, expected: Int, given: Int)
  /// The tensors to write contradict each other, their shapes or the format.
  case invalidTensor(name: String, reason: String)

  init(_ error: FileError) {
    self =
      switch error {
      case .missing(let path): .missingFile(path: path)
      case .unreadable(let path, let reason): .unreadable(path: path, reason: reason)
      case .unwritable(let path, let reason): .unwritable(path: path, reason: reason)
      }
  }

  /// Whether the file does not exist, rather than holding bad data.
  public var isMissingFile: Bool {
    if case .missingFile = self { true } else { false }
  }
}

/// A violation of the safetensors format.
public enum SafetensorsDefect: Equatable, Sendable {
  /// The file ends before the eight bytes that hold the header's length.
  case tooShort(bytes: Int)
  /// The header's length is above 100 MB or above what the file holds.
  case headerLength(UInt64, available: Int)
  /// The header is not the JSON that the format asks for; `byte` counts from its start.
  case header(String, byte: Int)
  /// A tensor's entry in the header lacks a part or has a wrong one.
  case entry(tensor: String, String)
  /// Two tensors carry the same name.
  case duplicateName(String)
  /// The element type is none of the format's.
  case unknownDType(tensor: String, String)
  /// A dimension is negative.
  case negativeDimension(tensor: String, Int)
  /// The product of the dimensions and the element size overflows.
  case overflow(tensor: String)
  /// Shape and element type need another number of bytes than the range holds.
  case sizeMismatch(tensor: String, needed: Int, found: Int)
  /// The tensor begins before the previous one ends.
  case overlap(tensor: String, start: Int, previousEnd: Int)
  /// Bytes before the tensor belong to no tensor.
  case gap(tensor: String, start: Int, previousEnd: Int)
  /// The tensor ends after the end of the file, which is cut short or has wrong offsets.
  case beyondEnd(tensor: String, end: Int, available: Int)
  /// Bytes after the last tensor belong to no tensor.
  case trailingBytes(Int)
}

extension SafetensorsError: CustomStringConvertible {
  /// One plain sentence.
  public var description: String {
    switch self {
    case .missingFile(let path):
      "There is no file \(path)."
    case .unreadable("", _), .unwritable("", _):
      "The name of a file is empty; give one."
    case .unreadable(let path, let reason):
      "The file \(path) cannot be read: \(reason)."
    case .unwritable(let path, let reason):
      "The file \(path) cannot be written: \(reason)."
    case .malformed(let path, let defect):
      "\(path) is not a valid safetensors file: \(defect)."
    case .malformedIndex(let path, let reason):
      "\(path) is not a valid index of safetensors files: \(reason)."
    case .tensorNotFound(let name, let path, let nearest):
      "\(path) has no tensor \(quoted(name))"
        + (nearest.map { "; the nearest name is \(quoted($0))." } ?? "; it has no tensors at all.")
    case .wrongType(let name, let path, let found, let wanted):
      "The tensor \(quoted(name)) of \(path) is \(found.rawValue) and cannot be read as \(wanted)."
    case .valueOutOfRange(let name, let path, let index, let value, let wanted):
      "Element \(index) of the tensor \(quoted(name)) of \(path) is \(value), which \(wanted) cannot hold."
    case .wrongCount(let name, let path, let expected, let given):
      "The tensor \(quoted(name)) of \(path) has \(expected) elements where \(given) are wanted."
    case .invalidTensor(let name, let reason):
      "The tensor \(quoted(name)) cannot be written: \(reason)."
    }
  }
}

extension SafetensorsDefect: CustomStringConvertible {
  /// The defect as the second half of a sentence.
  public var description: String {
    switch self {
    case .tooShort(let bytes):
      "it has only \(bytes) bytes, fewer than the 8 that hold the header's length"
    case .headerLength(let length, let available):
      "its header claims \(length) bytes, but at most \(available) are possible"
    case .header(let problem, let byte):
      "its header is wrong at byte \(byte): \(problem)"
    case .entry(let tensor, let problem):
      "the header's entry for \(quoted(tensor)) is wrong: \(problem)"
    case .duplicateName(let name):
      "the name \(quoted(name)) occurs twice"
    case .unknownDType(let tensor, let found):
      "\(quoted(tensor)) has the unknown element type \(quoted(found))"
    case .negativeDimension(let tensor, let dimension):
      "\(quoted(tensor)) has the negative dimension \(dimension)"
    case .overflow(let tensor):
      "the size of \(quoted(tensor)) overflows"
    case .sizeMismatch(let tensor, let needed, let found):
      "\(quoted(tensor)) needs \(needed) bytes by its shape and type, but its range holds \(found)"
    case .overlap(let tensor, let start, let previousEnd):
      "\(quoted(tensor)) begins at byte \(start), before the previous tensor ends at \(previousEnd)"
    case .gap(let tensor, let start, let previousEnd):
      "\(quoted(tensor)) begins at byte \(start), but the previous tensor ends at \(previousEnd)"
    case .beyondEnd(let tensor, let end, let available):
      "\(quoted(tensor)) ends at byte \(end), but the file holds only \(available) bytes of data"
    case .trailingBytes(let count):
      "\(count) bytes after the last tensor belong to none"
    }
  }
}

/// A name or a text of a file for a message, which it must neither flood nor change.
func quoted(_ text: String) -> String { "“\(excerpt(text))”" }

/// The beginning of a text that may be long, without control characters.
func excerpt(_ text: String) -> String {
  let scalars = text.unicodeScalars
  let shown = scalars.prefix(100).map {
    $0.properties.generalCategory == .control ? "\u{FFFD}" : $0
  }
  var start = String.UnicodeScalarView()
  start.append(contentsOf: shown)
  return String(start) + (scalars.dropFirst(100).isEmpty ? "" : "…")
}

/// The candidate with the smallest edit distance to `name`, the first of equals.
func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  let target = Array(name.utf8)
  var best: (name: String, distance: Int)?
  var row = [Int](repeating: 0, count: target.count + 1)
  for candidate in candidates {
    for j in row.indices { row[j] = j }
    for (i, byte) in candidate.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in target.indices {
        let substituted = diagonal + (target[j] == byte ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
      }
    }
    if best == nil || row[target.count] < best!.distance { best = (candidate, row[target.count]) }
  }
  return best?.name
}
