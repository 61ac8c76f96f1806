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

  /// A copy of memory.
  init(_ place: StatePlace) {
    self.init(place.name, place.element, shape: place.shape, bytes: unsafe [UInt8](place.memory))
  }

  /// Numbers: Float, Double or Int.
  package init<T: BitwiseCopyable>(_ name: String, shape: [Int], _ values: [T]) {
    let bytes = unsafe values.withUnsafeBytes { unsafe Array($0) }
    self.init(name, Element(T.self), shape: shape, bytes: bytes)
  }

  /// The elements as numbers of their own type.
  package func values<T: BitwiseCopyable>(as type: T.Type) -> [T] {
    precondition(Element(type) == element)
    let size = MemoryLayout<T>.stride
    return unsafe bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / size).map {
        unsafe bytes.loadUnaligned(fromByteOffset: $0 * size, as: T.self)
      }
    }
  }

  /// The only element.
  package func value<T: BitwiseCopyable>(as type: T.Type) -> T { values(as: type)[0] }
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

/// Memory that is stored under a name.
@safe
struct StatePlace {
  let name: String
  let element: StoredTensor.Element
  let shape: [Int]
  let memory: UnsafeMutableRawBufferPointer

  /// Numbers in memory.
  init<T>(_ name: String, shape: [Int], _ base: UnsafeMutablePointer<T>) {
    let count = shape.reduce(1, *)
    (self.name, element, self.shape) = (name, .init(T.self), shape)
    unsafe memory = .init(start: base, count: count * MemoryLayout<T>.stride)
  }

  /// Takes the bytes of a tensor that was checked.
  func fill(_ tensor: StoredTensor) { unsafe memory.copyBytes(from: tensor.bytes) }
}

/// Finds what was stored, in the order in which it is wanted, or says what does not fit.
package struct StoredTensors {
  private var left: [String: StoredTensor]

  package init(_ tensors: [StoredTensor]) {
    left = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Whether a tensor of this name is left.
  package func contains(_ name: String) -> Bool { left[name] != nil }

  /// The tensor of this name, if it is as expected; a shape of nil may be any.
  package mutating func take(
    _ name: String, _ element: StoredTensor.Element, shape: [Int]?
  ) throws(StateMismatch) -> StoredTensor {
    guard let tensor = left.removeValue(forKey: name) else { throw .missing(name) }
    guard tensor.element == element else {
      throw .element(name, saved: tensor.element, present: element)
    }
    if let shape, tensor.shape != shape {
      throw .shape(name, saved: tensor.shape, present: shape)
    }
    return tensor
  }

  /// The tensors for some memory.
  mutating func take(_ places: [StatePlace]) throws(StateMismatch) -> [StoredTensor] {
    var tensors: [StoredTensor] = []
    for place in places { tensors.append(try take(place.name, place.element, shape: place.shape)) }
    return tensors
  }

  /// Throws the first tensor that nobody wanted.
  package func finish() throws(StateMismatch) {
    if let name = left.keys.min() { throw .unexpected(name) }
  }
}

/// Why saved state does not fit what it is to go on in. Nothing was changed.
public enum StateMismatch: Error, Sendable, Equatable, CustomStringConvertible {
  /// The form is one that this version does not know.
  case version(saved: Int, known: Int)
  /// It belongs to another rule.
  case rule(saved: String, present: String)
  /// An array is not among what was saved.
  case missing(String)
  /// An array was saved that nothing here takes.
  case unexpected(String)
  /// An array has another element type: another format of state, or of weights.
  case element(String, saved: StoredTensor.Element, present: StoredTensor.Element)
  /// An array has another shape.
  case shape(String, saved: [Int], present: [Int])
  /// The schedules' memory was saved for another number of groups.
  case groups(saved: Int, present: Int)

  /// One plain sentence.
  public var description: String {
    switch self {
    case .version(let saved, let known):
      "the saved state has format \(saved), this version reads \(known): use the version that saved it"
    case .rule(let saved, let present):
      "the saved state is that of \(saved), not of \(present): go on with \(saved), or start anew"
    case .missing(let name):
      "\(name) is not in the saved state: go on with the settings it was saved with"
    case .unexpected(let name):
      "\(name) was saved and has no place now: go on with the settings it was saved with"
    case .element(let name, let saved, let present):
      "\(name) was saved as \(saved), and \(present) is wanted now: go on with the same formats"
    case .shape(let name, let saved, let present):
      "\(name) was saved with shape \(saved), and has \(present) now: go on with the same model"
    case .groups(let saved, let present):
      "the saved state has \(saved) parameter groups, now there are \(present): go on with the same"
    }
  }
}
