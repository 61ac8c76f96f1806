/// A copy of all that something remembers, in memory: of an ``Optimizer``, an average, a loss scaler.
///
/// ```swift
/// let state = SavedState(of: optimizer)
/// try state.restore(other)          // continues, to the bit, as `optimizer` would have
/// ```
/// A run writes the same tensors to a file, without the copy. Hyperparameters are not part of them:
/// they belong to whoever makes the optimizer.
///
/// | tensor | holds |
/// |---|---|
/// | `state/<slot>/<parameter>` | state in float32 (or float64) or bfloat16, as it is kept |
/// | `state/<slot>/<parameter>.codes`, `.scales` | the same in int8: codes, a scale for 256 of them |
/// | `state/step/<parameter>` | t, how many updates the parameter has had |
/// | `memory/<rule>/<field>` | the rule's ``RunVariables``: one, or one for each group |
/// | `preconditioner/...` | what a ``Preconditioner`` keeps |
/// | `state/compensation/<parameter>` | what Kahan's sum has kept of 16-bit weights, in bfloat16 |
/// | `average/...`, `memory/average/...` | the copies of an ``AveragedWeights``, and their count |
public struct SavedState: Sendable, Equatable {
  /// The arrays.
  public var tensors: [StoredTensor]
  /// Short texts: the rule's name, the applied steps, what schedules remember.
  public var notes: [String: String]

  /// A state as it was read.
  public init(tensors: [StoredTensor], notes: [String: String]) {
    (self.tensors, self.notes) = (tensors, notes)
  }

  /// A copy of what `part` remembers.
  public init(of part: some Savable) {
    var part = part
    let archive = StateArchive.saving { (archive) throws(StateMismatch) in
      try part.archive(archive)
    }
    tensors = archive.tensors.map(StoredTensor.init)
    notes = archive.notes
  }

  /// Has `part` go on from this state. It must have been made with the same rule for the same
  /// parameters; hyperparameters and schedules may differ where they need the same state.
  ///
  /// - Throws: the first thing that does not fit, by name; then nothing was changed.
  public func restore<T: Savable>(_ part: inout T) throws(StateMismatch) {
    var restored = part
    try StateArchive.restoring(from: IndexedState(self)) { (archive) throws(StateMismatch) in
      try restored.archive(archive)
    }
    part = restored
  }

  /// The same for objects.
  public func restore(_ part: some Savable & AnyObject) throws(StateMismatch) {
    var part = part
    try restore(&part)
  }
}

/// A saved state whose tensors are found by their names.
struct IndexedState: StateSource {
  private let tensors: [String: StoredTensor]
  private let notes: [String: String]

  init(_ state: SavedState) {
    tensors = Dictionary(
      state.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    notes = state.notes
  }

  var tensorNames: [String] { Array(tensors.keys) }

  func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])? {
    tensors[name].map { ($0.element, $0.shape) }
  }

  func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan) {
    guard let tensor = tensors[name] else { return }
    unsafe memory.withUnsafeMutableBytes {
      unsafe $0.copyBytes(from: tensor.bytes[offset..<offset + $0.count])
    }
  }

  func note(_ name: String) -> String? { notes[name] }
}
