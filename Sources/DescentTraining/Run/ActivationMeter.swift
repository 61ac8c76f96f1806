import DescentNN

/// Measures the memory that activations take at the peak of a step: tensors made since the start,
/// but for the gradients that stay.
struct ActivationMeter {
  private let before: Int

  /// Starts at what is there, with room for gradients of `parameters` that are not there yet.
  init(_ parameters: [Parameter]) {
    TensorPool.resetPeak()
    let missing = parameters.filter { $0.isTrainable && $0.gradient == nil }
    before = missing.reduce(TensorPool.bytesOfThread) {
      $0 + $1.value.count * MemoryLayout<Float>.stride
    }
  }

  /// Bytes at the peak until now.
  var bytes: Int { max(0, TensorPool.peakBytesOfThread - before) }
}
