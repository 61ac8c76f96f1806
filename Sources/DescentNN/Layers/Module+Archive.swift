public import Descent

extension Module {
  /// Lists the parameters and the buffers under their names, to be saved or restored; without frozen
  /// weights that stand in the file that the model was made from.
  ///
  /// - Throws: the first that does not fit.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {
    for (name, parameter) in namedParameters
    where parameter.isTrainable || !parameter.standsInFile {
      try parameter.value.archive(archive, name)
    }
    for (name, buffer) in namedBuffers {
      try buffer.value.archive(archive, name)
    }
  }
}

extension Tensor {
  /// Hands the elements to `archive`: in 16 bits where they lie so, and read in the width in which they
  /// were saved.
  ///
  /// - Throws: when what was saved has another shape.
  public mutating func archive(
    _ archive: StateArchive, _ name: String
  ) throws(StateMismatch) {
    let isNarrow =
      archive.isReading
      ? archive.savedElement(of: name) == .bfloat16 : storage.format == .bfloat16
    // Saving reads what is there; what is restored takes its place only once all of it fits.
    let tensor =
      archive.isReading
      ? Tensor(
        shape: shape, storage: TensorStorage(count: count, format: isNarrow ? .bfloat16 : .float32))
      : detached
    if isNarrow {
      try archive.tensor(name, shape: shape, tensor.storage.mutableHalves)
    } else {
      try archive.tensor(name, shape: shape, tensor.freshElements)
    }
    if archive.isRestoring { self = tensor }
  }
}
