import DescentNN

extension Module {
  /// All buffers.
  var buffers: [Buffer] { namedBuffers.map(\.buffer) }
}

extension [Buffer] {
  /// Their numbers; training makes new ones, so these are not copied.
  var values: [Tensor] { map(\.value) }

  /// Puts numbers back.
  func restore(_ values: [Tensor]) {
    for (buffer, value) in zip(self, values) { buffer.value = value }
  }
}
