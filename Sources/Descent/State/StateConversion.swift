// Optimizer state in another format than it was saved in.

extension StateArchive {
  /// The format in which a slot was saved, where that is another than `format` and conversion is
  /// wanted.
  func formatToConvert(
    _ name: String, to format: StateStorage.Format
  ) -> StateStorage.Format? {
    guard convertsState, isReading, let saved = savedFormat(of: name), saved != format else {
      return nil
    }
    return saved
  }

  private func savedFormat(of name: String) -> StateStorage.Format? {
    if savedElement(of: name + ".codes") != nil { return .int8 }
    return switch savedElement(of: name) {
    case .float32: .float32
    case .bfloat16: .bfloat16
    default: nil
    }
  }
}

extension SavedState {
  /// Has `part` go on from this state, whose formats may be others than those of `part`.
  ///
  /// Decoding `int8` and `bfloat16` is exact; encoding rounds once: to the nearest number of bfloat16,
  /// or code. State that is kept as it was saved keeps its bits.
  ///
  /// - Throws: the first thing that does not fit, by name; then nothing was changed.
  public func restoreConverting<T: Savable>(_ part: inout T) throws(StateMismatch) {
    var restored = part
    try StateArchive.restoring(from: IndexedState(self), convertsState: true) {
      (archive) throws(StateMismatch) in try restored.archive(archive)
    }
    part = restored
  }

  /// The same for objects.
  public func restoreConverting(_ part: some Savable & AnyObject) throws(StateMismatch) {
    var part = part
    try restoreConverting(&part)
  }
}
