internal import CDescentKernels

/// The loops that are compiled once for each instruction set: serial, over contiguous memory. Callers
/// cut the work for the threads. An output may be one of the inputs, else they must not overlap. Views
/// whose counts do not agree are refused.
///
/// Each loop has a fixed order of evaluation: results are reproducible on one instruction set.
package enum Kernels {
  /// The name of the instruction set in use.
  package static var instructionSet: String { unsafe String(cString: table.name) }

  /// The names of those that this processor has, best first.
  package static var available: [String] {
    var names: [String] = []
    while let table = unsafe descent_kernels_available(names.count) {
      unsafe names.append(String(cString: table.pointee.name))
    }
    return names
  }

  /// Has the calling thread use another instruction set, for tests and measurements; false when the
  /// processor lacks it.
  @discardableResult
  package static func select(_ name: String) -> Bool {
    unsafe descent_kernels_select(name)
  }

  static var table: descent_kernels { unsafe descent_kernels_current().pointee }
}

// MARK: - Functions of every element

extension Kernels {
  /// y[i] = eˣ
  package static func exp(_ x: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.exp, x, y)
  }

  /// y[i] = tanh x
  package static func tanh(_ x: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.tanh, x, y)
  }

  /// y[i] = 1/(1 + e⁻ˣ)
  package static func sigmoid(_ x: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.sigmoid, x, y)
  }

  /// y[i] = x·σ(x)
  package static func silu(_ x: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.silu, x, y)
  }

  /// y[i] = x·Φ(x)
  package static func gelu(_ x: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.gelu, x, y)
  }

  /// y[i] = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
  package static func geluTanh(_ x: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.gelu_tanh, x, y)
  }

  /// y[i] = x·Φ(x), as ``gelu(_:_:)`` gives it, and slope[i] its derivative
  package static func geluWithSlope(
    _ x: View<Float>, _ y: MutableView<Float>, _ slope: MutableView<Float>
  ) {
    precondition(x.count == y.count && slope.count == y.count)
    unsafe table.gelu_with_slope(y.count, x.base, y.base, slope.base)
  }

  /// The same for ``geluTanh(_:_:)``
  package static func geluTanhWithSlope(
    _ x: View<Float>, _ y: MutableView<Float>, _ slope: MutableView<Float>
  ) {
    precondition(x.count == y.count && slope.count == y.count)
    unsafe table.gelu_tanh_with_slope(y.count, x.base, y.base, slope.base)
  }

  /// y[i] = 0 where word `start` + i of a stream is below `threshold`, else scale·x[i]
  package static func dropout(
    _ x: View<Float>, _ random: RandomStream, from start: Int, threshold: UInt32, scale: Float,
    _ y: MutableView<Float>
  ) {
    precondition(x.count == y.count)
    unsafe table.dropout(
      y.count, UInt64(start), random.seed, random.stream, threshold, scale, x.base, y.base)
  }

  /// y[i] = the number of the format that is nearest to x[i], ties to even
  package static func round(
    _ x: View<Float>, to format: NumberFormat, _ y: MutableView<Float>
  ) {
    switch format {
    case .float32: y.copy(x)
    case .bfloat16: unsafe map(table.round_bfloat16, x, y)
    case .float16: unsafe map(table.round_float16, x, y)
    }
  }

  /// dx[i] = f′(x[i])·dy[i] for ``silu(_:_:)``
  package static func siluBackward(
    _ x: View<Float>, _ dy: View<Float>, _ dx: MutableView<Float>
  ) {
    unsafe map(table.silu_backward, x, dy, dx)
  }

  /// dx[i] = f′(x[i])·dy[i] for ``gelu(_:_:)``
  package static func geluBackward(
    _ x: View<Float>, _ dy: View<Float>, _ dx: MutableView<Float>
  ) {
    unsafe map(table.gelu_backward, x, dy, dx)
  }

  /// dx[i] = f′(x[i])·dy[i] for ``geluTanh(_:_:)``
  package static func geluTanhBackward(
    _ x: View<Float>, _ dy: View<Float>, _ dx: MutableView<Float>
  ) {
    unsafe map(table.gelu_tanh_backward, x, dy, dx)
  }

  /// y = a + b
  package static func add(_ a: View<Float>, _ b: View<Float>, _ y: MutableView<Float>) {
    unsafe map(table.add, a, b, y)
  }

  /// y += α·x
  package static func axpy(_ alpha: Float, _ x: View<Float>, _ y: MutableView<Float>) {
    precondition(x.count == y.count)
    unsafe table.axpy(y.count, alpha, x.base, y.base)
  }

  /// y = α·x
  package static func multiply(_ alpha: Float, _ x: View<Float>, _ y: MutableView<Float>) {
    precondition(x.count == y.count)
    unsafe table.multiply(y.count, alpha, x.base, y.base)
  }

  /// y += Σ rows of x
  package static func columnSums(_ x: View<Float>, rows: Int, _ y: MutableView<Float>) {
    precondition(x.count == rows * y.count)
    unsafe table.column_sums(rows, y.count, x.base, y.base)
  }

  private static func map(
    _ loop: @convention(c) (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void,
    _ x: View<Float>, _ y: MutableView<Float>
  ) {
    precondition(x.count == y.count)
    unsafe loop(y.count, x.base, y.base)
  }

  private static func map(
    _ loop:
      @convention(c) (
        Int, UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>
      ) -> Void,
    _ a: View<Float>, _ b: View<Float>, _ y: MutableView<Float>
  ) {
    precondition(a.count == y.count && b.count == y.count)
    unsafe loop(y.count, a.base, b.base, y.base)
  }
}

// MARK: - Sums

extension Kernels {
  /// Σ x
  package static func sum(_ x: View<Float>) -> Double { unsafe table.sum(x.count, x.base) }

  /// Σ x²
  package static func sumOfSquares(_ x: View<Float>) -> Double {
    unsafe table.sum_of_squares(x.count, x.base)
  }

  /// max |x|: NaN when an x is NaN; 0 for no elements
  package static func maxMagnitude(_ x: View<Float>) -> Float {
    unsafe table.max_magnitude(x.count, x.base)
  }
}

// MARK: - Rows

extension Kernels {
  /// y[i] = exp(scale·x[i]) / Σ over the first `valid` elements; 0 beyond
  package static func softmax(
    _ x: View<Float>, valid: Int, scale: Float = 1, _ y: MutableView<Float>
  ) {
    precondition(x.count == y.count && valid <= x.count)
    unsafe table.softmax(y.count, valid, scale, x.base, y.base)
  }

  /// dx = scale·y·(dy − Σ dy·y) over the first `valid` elements; 0 beyond
  package static func softmaxBackward(
    _ y: View<Float>, _ dy: View<Float>, valid: Int, scale: Float = 1, _ dx: MutableView<Float>
  ) {
    precondition(y.count == dx.count && dy.count == dx.count && valid <= dx.count)
    unsafe table.softmax_backward(dx.count, valid, scale, y.base, dy.base, dx.base)
  }

  /// log Σ eˣ
  package static func logSumExp(_ x: View<Float>) -> Float {
    unsafe table.log_sum_exp(x.count, x.base)
  }

  /// dx[i] = scale·(exp(x[i] − logSum) − [i = label])
  package static func crossEntropyBackward(
    _ x: View<Float>, logSum: Float, label: Int, scale: Float, _ dx: MutableView<Float>
  ) {
    precondition(x.count == dx.count && x.indices.contains(label))
    unsafe table.cross_entropy_backward(x.count, x.base, logSum, label, scale, dx.base)
  }

  /// What normalizes a row:
  ///
  /// ```
  /// y = (x − mean)·scale·gain + bias        scale = 1/√(variance + ε)
  /// ```
  package struct Normalization {
    /// As long as a row; nil for ones.
    package let gain: View<Float>?
    /// As long as a row; nil for zeros.
    package let bias: View<Float>?
    /// ε
    package let epsilon: Float
    /// Whether the mean is subtracted (layer normalization); else it counts as 0, and there is no bias
    /// (RMS normalization).
    package let isCentered: Bool

    package init(
      gain: View<Float>?, bias: View<Float>? = nil, epsilon: Float, isCentered: Bool
    ) {
      (self.gain, self.bias) = (gain, bias)
      (self.epsilon, self.isCentered) = (epsilon, isCentered)
    }
  }

  /// Normalizes one row.
  package static func normalize(
    _ x: View<Float>, _ norm: Normalization, _ y: MutableView<Float>
  ) -> (mean: Float, scale: Float) {
    let n = y.count
    precondition(
      x.count == n && (norm.gain?.count ?? n) == n && (norm.bias?.count ?? n) == n)
    var (mean, scale): (Float, Float) = (0, 0)
    if norm.isCentered {
      unsafe table.layer_norm(
        n, x.base, norm.gain?.base, norm.bias?.base, norm.epsilon, y.base, &mean, &scale)
    } else {
      unsafe table.rms_norm(n, x.base, norm.gain?.base, norm.epsilon, y.base, &scale)
    }
    return (mean, scale)
  }

  /// dx of one row, from the mean and the scale that ``normalize(_:_:_:)`` gave.
  package static func normalizeBackward(
    _ x: View<Float>, _ norm: Normalization, _ dy: View<Float>, mean: Float, scale: Float,
    _ dx: MutableView<Float>
  ) {
    let n = dx.count
    precondition(x.count == n && dy.count == n && (norm.gain?.count ?? n) == n)
    if norm.isCentered {
      unsafe table.layer_norm_backward(
        n, x.base, norm.gain?.base, dy.base, mean, scale, dx.base)
    } else {
      unsafe table.rms_norm_backward(n, x.base, norm.gain?.base, dy.base, scale, dx.base)
    }
  }

  /// dgain += Σ dy·(x − mean)·scale and dbias += Σ dy over rows.
  package static func normalizeGradients(
    _ x: View<Float>, _ dy: View<Float>, means: View<Float>, scales: View<Float>,
    isCentered: Bool, dgain: MutableView<Float>, dbias: MutableView<Float>?
  ) {
    let (rows, n) = (scales.count, dgain.count)
    precondition(
      x.count == rows * n && dy.count == rows * n && means.count == rows
        && (dbias?.count ?? n) == n)
    if isCentered {
      unsafe table.layer_norm_gradients(
        rows, n, x.base, dy.base, means.base, scales.base, dgain.base, dbias?.base)
    } else {
      unsafe table.rms_norm_gradients(rows, n, x.base, dy.base, scales.base, dgain.base)
    }
  }
}

// MARK: - Images

extension Kernels {
  /// A channel in batch normalization: y = (x − mean)·scale + shift, not below 0 where it rectifies. Its
  /// derivative is dx = factor·(dy − drift − (x − mean)·slope), of the dy that come through.
  package struct Channel {
    let settings: descent_channel
    let rectifies: Bool

    package init(
      mean: Float, scale: Float, shift: Float, rectifies: Bool, factor: Float = 0,
      drift: Float = 0, slope: Float = 0
    ) {
      settings = descent_channel(
        mean: mean, scale: scale, shift: shift, factor: factor, drift: drift, slope: slope)
      self.rectifies = rectifies
    }
  }

  /// Images with rows of zeros above and below, and columns of zeros beside.
  package static func frame(
    _ images: View<Float>, height: Int, width: Int, above: Int, beside: Int,
    _ framed: MutableView<Float>
  ) {
    let planes = images.count / max(1, height * width)
    precondition(
      height > 0 && images.count == planes * height * width
        && framed.count == planes * (height + 2 * above) * (width + 2 * beside))
    unsafe table.frame(planes, height, width, above, beside, images.base, framed.base)
  }

  /// Σ (x − mean)²
  package static func sumOfSquares(_ x: View<Float>, around mean: Float) -> Float {
    unsafe table.channel_squares(x.count, mean, x.base)
  }

  /// y of a row of a channel
  package static func normalize(_ x: View<Float>, _ channel: Channel, _ y: MutableView<Float>) {
    precondition(x.count == y.count)
    var settings = channel.settings
    unsafe table.channel_norm(y.count, &settings, channel.rectifies, x.base, y.base)
  }

  /// Σ dy and Σ dy·(x − mean) of the dy that come through
  package static func normalizeSums(
    _ x: View<Float>, _ channel: Channel, _ dy: View<Float>
  ) -> (dy: Double, product: Double) {
    precondition(x.count == dy.count)
    var settings = channel.settings
    let sums = unsafe table.channel_sums(
      x.count, &settings, channel.rectifies, x.base, dy.base)
    return (sums.first, sums.second)
  }

  /// dx of a row of a channel, added to what is there or in its place
  package static func normalizeBackward(
    _ x: View<Float>, _ channel: Channel, _ dy: View<Float>, adds: Bool,
    _ dx: MutableView<Float>
  ) {
    precondition(x.count == dx.count && dy.count == dx.count)
    var settings = channel.settings
    unsafe table.channel_backward(
      dx.count, &settings, channel.rectifies, x.base, dy.base, adds, dx.base)
  }

  /// The largest of two by two pixels of an image of that height and width, without what is left over at its
  /// edges; a NaN counts as the largest.
  package static func maxPoolByTwo(
    _ x: View<Float>, height: Int, width: Int, _ y: MutableView<Float>
  ) {
    precondition(x.count == height * width && y.count == (height / 2) * (width / 2))
    unsafe table.max_pool_by_two(height / 2, width / 2, width, x.base, y.base)
  }

  /// The gradient of what was the largest, the first of equal ones; of what was left over nothing is written.
  package static func maxPoolByTwoBackward(
    _ x: View<Float>, height: Int, width: Int, _ dy: View<Float>, adds: Bool,
    _ dx: MutableView<Float>
  ) {
    precondition(x.count == height * width && dx.count == x.count)
    precondition(dy.count == (height / 2) * (width / 2))
    unsafe table.max_pool_by_two_backward(
      height / 2, width / 2, width, x.base, dy.base, adds, dx.base)
  }
}

// MARK: - Fewer bits

extension Kernels {
  /// y[i] = x[i] to the nearest bfloat16, ties to even
  package static func toBFloat16(_ x: View<Float>, _ y: MutableView<UInt16>) {
    precondition(x.count == y.count)
    unsafe table.to_bfloat16(y.count, x.base, y.base)
  }

  /// y[i] = x[i], exactly
  package static func fromBFloat16(_ x: View<UInt16>, _ y: MutableView<Float>) {
    precondition(x.count == y.count)
    unsafe table.from_bfloat16(y.count, x.base, y.base)
  }

  /// y[i] = x[i], exactly, from the bits of numbers in a 16-bit format
  package static func widen(_ x: View<UInt16>, _ format: NumberFormat, _ y: MutableView<Float>) {
    precondition(x.count == y.count && format != .float32)
    unsafe table.widen(format.element, y.count, x.base, y.base)
  }

  /// The codes of x, and a scale (the largest magnitude) for each ``Codebook/block`` elements.
  ///
  /// - Parameter turn: shifts the phases of a book that has them: see
  ///   ``Codebook/turn(_:slot:firstBlock:)``.
  package static func encode(
    _ x: View<Float>, _ book: Codebook.Reference, turn: UInt32 = 0, scales: MutableView<Float>,
    codes: MutableView<UInt8>
  ) {
    precondition(codes.count == x.count && scales.count == Codebook.blocks(of: x.count))
    unsafe table.encode(x.count, x.base, book.tables, turn, scales.base, codes.base)
  }

  /// y[i] = the value of code i, times the scale of its block
  package static func decode(
    _ codes: View<UInt8>, scales: View<Float>, _ book: Codebook.Reference, _ y: MutableView<Float>
  ) {
    precondition(codes.count == y.count && scales.count == Codebook.blocks(of: y.count))
    unsafe table.decode(y.count, codes.base, scales.base, book.tables, y.base)
  }

  /// How updated weights are rounded to bfloat16.
  package enum WeightRounding {
    /// To the nearest number, ties to even.
    case nearest
    /// With Kahan's compensation: what earlier roundings cut off, as bfloat16.
    case kahan(MutableView<UInt16>)
    /// Up with a probability that is what is cut off, as a share of a spacing. The random bits of
    /// element i are those at half word i of the Philox blocks from the counter on.
    case stochastic(counter: SIMD4<UInt32>, key: SIMD2<UInt32>)
  }

  /// Rounds updated weights to bfloat16. `stored` has the bits of the weights before the update and
  /// gets those after it.
  ///
  /// - Returns: how many weights were updated, and on how many of those rounding left no trace of it.
  package static func store(
    _ w: MutableView<Float>, in stored: MutableView<UInt16>, _ rounding: WeightRounding
  ) -> (lost: Int, updates: Int) {
    precondition(stored.count == w.count)
    let counts: descent_updates
    switch rounding {
    case .nearest: counts = unsafe table.store_nearest(w.count, w.base, stored.base)
    case .kahan(let kept):
      precondition(kept.count == w.count)
      counts = unsafe table.store_kahan(w.count, w.base, stored.base, kept.base)
    case .stochastic(let c, let key):
      counts = unsafe table.store_stochastic(
        w.count, w.base, stored.base, descent_counter(words: (c.x, c.y, c.z, c.w)),
        descent_key(words: (key.x, key.y)))
    }
    return (counts.lost, counts.updates)
  }
}
