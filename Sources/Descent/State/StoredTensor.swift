/// A named array as it lies in memory: what checkpoints are made of. Whoever writes files chooses
/// their format; the bytes are little-endian.
public struct StoredTensor: Sendable, Equatable {
  /// The type of the elements, by the names of the safetensors format.
  public enum Element: String, Sendable, CaseIterable {
    case float32 = "F32"
    case float64 = "F64"
    case bfloat16 = "BF16"
    case uint8 = "U8"
    case int64 = "I64"

    /// The bytes of one.
    public var size: Int {
      switch self {
      case .uint8: 1
      case .bfloat16: 2
      case .float32: 4
      case .float64, .int64: 8
      }
    }
  }

  /// A name, unique among all that is stored together.
  public let name: String
  /// The type of the elements.
  public let element: Element
  /// The lengths of its axes; empty for a scalar.
  public let shape: [Int]
  /// The elements, row-major.
  public let bytes: [UInt8]

  /// An array as it was read; the bytes must fill the shape.
  public init(_ name: String, _ element: Element, shape: [Int], bytes: [UInt8]) {
    precondition(bytes.count == shape.reduce(element.size, *))
    (self.name, self.element, self.shape, self.bytes) = (name, element, shape, bytes)
  }

  /// A copy of what is to be saved.
  package init(_ tensor: ArchivedTensor) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(tensor.shape.reduce(tensor.element.size, *))
    // Only writing can fail.
    try? tensor.forEachPart { part in
      unsafe part.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
    self.init(tensor.name, tensor.element, shape: tensor.shape, bytes: bytes)
  }
}

extension StoredTensor.Element {
  /// The element type of plain numbers.
  init<T>(_ type: T.Type) {
    switch type {
    case is Float.Type: self = .float32
    case is Double.Type: self = .float64
    case is UInt16.Type: self = .bfloat16
    case is UInt8.Type: self = .uint8
    case is Int.Type: self = .int64
    default: preconditionFailure("\(type) has no stored form")
    }
  }
}

/// Why saved state does not fit what is to be restored from it. Nothing was changed.
public enum StateMismatch: Error, Sendable, Equatable, CustomStringConvertible {
  /// The form is one that this version does not know.
  case version(saved: Int, known: Int)
  /// It belongs to another rule.
  case rule(saved: String, present: String)
  /// Something is not among what was saved.
  case missing(String)
  /// An array was saved that nothing here takes.
  case unexpected(String)
  /// An array has another element type: another format of state, or of weights.
  case element(String, saved: StoredTensor.Element, present: StoredTensor.Element)
  /// An array has another shape.
  case shape(String, saved: [Int], present: [Int])
  /// The schedules' state was saved for another number of groups.
  case groups(saved: Int, present: Int)
  /// The run was begun with other training data.
  case data
  /// The file of the model that adapters were trained for is another one.
  case base

  /// One plain sentence.
  public var description: String {
    switch self {
    case .version(let saved, let known):
      "the saved state has version \(saved) and this release reads \(known): use the release that "
        + "saved it"
    case .rule(let saved, let present):
      "the saved state belongs to \(saved), not to \(present): resume with \(saved), or start a new "
        + "run"
    case .missing(let name):
      "\(name) is missing from the saved state: resume with the settings it was saved with"
    case .unexpected(let name):
      "\(name) was saved, but these settings have no use for it: resume with the settings it was "
        + "saved with"
    case .element(let name, let saved, let present):
      "\(name) was saved as \(saved), but these settings need \(present): resume with the same "
        + "formats"
    case .shape(let name, let saved, let present):
      "\(name) was saved with the shape \(saved), but its shape is \(present) now: resume with the "
        + "same model"
    case .groups(let saved, let present):
      "the saved state has \(saved) parameter groups, but there are \(present) now: resume with the "
        + "same groups"
    case .base:
      "the files of the model are not those that the adapters were begun with: put them back, or start "
        + "a new run"
    case .data:
      "the training data are not those that the run was begun with: put them back, or "
        + "start a new run"
    }
  }
}
