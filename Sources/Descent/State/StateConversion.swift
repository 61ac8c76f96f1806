// Optimizer state in another format than it was saved in.

extension StateArchive {
  /// The storage in which a slot was saved, where that is another than `format` with its codes and
  /// conversion is wanted.
  func storageToConvert(
    _ name: String, to format: StateStorage.Format, isTapered: Bool
  ) -> StateStorage? {
    guard convertsState, isReading, let saved = savedStorage(of: name) else { return nil }
    let isSame =
      saved.format == format && (format != .int8 || (saved.codes == .tapered) == isTapered)
    return isSame ? nil : saved
  }

  private func savedStorage(of name: String) -> StateStorage? {
    var storage = StateStorage(.int8)
    if savedElement(of: name + ".tapered") != nil { return storage }
    // `nearest` and `table` have the same map.
    storage.codes = .nearest
    if savedElement(of: name + ".codes") != nil { return storage }
    return switch savedElement(of: name) {
    case .float32: StateStorage(.float32)
    case .bfloat16: StateStorage(.bfloat16)
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
