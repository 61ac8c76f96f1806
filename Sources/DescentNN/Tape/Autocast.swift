public import DescentCompute

/// Mixed precision: products are computed in a 16-bit format, with the results of a machine that has
/// it.
///
/// | operations | compute in | give |
/// |---|---|---|
/// | linear maps, matrix products, convolutions, attention | operands rounded to the format, sums in float32 | the format |
/// | sums, differences, products, quotients, activations, dropout, pooling, batch normalization | float32 | the widest format of their operands |
/// | layer and RMS normalization, softmax, losses, reductions | float32 | float32 |
///
/// Within attention, scores and softmax are float32 and the weights are rounded before they meet the
/// values. A gradient has the format of the tensor that it belongs to, so a parameter in float32 has
/// a float32 gradient, rounded once on its way through the product. All of this follows PyTorch's
/// autocast, except for the operations of the last row, which on some devices it leaves in 16 bits.
///
/// Operations compute with floats that are rounded to the format's grid. What a derivative keeps of
/// numbers of bfloat16 lies in memory in 16 bits, and so do weights of that format
/// (``Parameter/format-swift.property``) and their gradients; products widen them while they pack. The
/// time is not that of a machine with 16-bit arithmetic.
public enum Autocast {
  /// The formats in use.
  struct Formats {
    var products = NumberFormat.float32
    var weights = NumberFormat.float32
  }

  @TaskLocal static var formats = Formats()

  /// Runs `body` with products in a format; derivatives are computed as their operations were.
  ///
  /// - Parameters:
  ///   - format: the format of products.
  ///   - weights: the format in which layers use their parameters: float32, or a 16-bit format, of
  ///     which the parameters are then the master copy.
  public static func run<Result>(
    in format: NumberFormat, weights: NumberFormat = .float32, _ body: () throws -> Result
  ) rethrows -> Result {
    try run(in: Formats(products: format, weights: weights), body)
  }

  static func run<Result>(in formats: Formats, _ body: () throws -> Result) rethrows -> Result {
    try $formats.withValue(formats) { try body() }
  }

  /// The format of a product of these tensors.
  static func format(of operands: Tensor?...) -> NumberFormat {
    let format = formats.products
    if format != .float32 { return format }
    return operands.reduce(operands[0]!.format) { $1.map($0.wider) ?? $0 }
  }
}

extension NumberFormat {
  /// The format for results with an operand of this format and with `x`: where they differ, float32.
  func wider(_ x: Tensor) -> NumberFormat { self == x.format ? self : .float32 }
}

extension Tensor {
  /// The numbers of a format that are nearest to these; the gradient is rounded likewise.
  public func cast(to format: NumberFormat) -> Tensor {
    if self.format == format { return self }
    // Every number of a 16-bit format is one of float32.
    // So is one that lies in the format.
    let isExact = format == .float32 || storage.format == format
    let y = isExact ? detached : copied()
    return record(y, from: self, in: format) { dy, d in d.add(to: 0, dy) }
  }

  /// Rounds the elements, in place unless the memory is shared.
  mutating func round(to format: NumberFormat) {
    if self.format != format && format != .float32 {
      if storage.format == format {
        self.format = format
        return
      }
      let isShared = !isKnownUniquelyReferenced(&storage) || !storage.isWritable
      var y = isShared ? Tensor(uninitialized: shape) : self
      y.node = node
      roundElements(to: format, into: y.storage.mutableElements)
      self = y
    }
    self.format = format
  }

  /// Rounds the elements of a tensor that nobody has read yet, where they lie.
  func roundFresh(to format: NumberFormat) {
    if self.format != format && format != .float32 && storage.format != format {
      roundElements(to: format, into: freshElements)
    }
  }

  /// The same, rounded where they lie.
  func rounded(to format: NumberFormat) -> Tensor {
    roundFresh(to: format)
    var y = self
    y.format = format
    return y
  }

  private func roundElements(to format: NumberFormat, into y: MutableView<Float>) {
    let x = elements
    inChunks(of: count) { Kernels.round(x[$0], to: format, y[$0]) }
  }
}
