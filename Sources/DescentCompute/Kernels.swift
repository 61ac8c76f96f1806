internal import CDescentKernels

/// The loops that are compiled once for each instruction set: serial, over contiguous memory. Callers
/// cut the work for the threads. An output may be one of the inputs, else they must not overlap.
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

  private static var table: descent_kernels { unsafe descent_kernels_current().pointee }
}

extension Kernels {
  /// y[i] = eˣ
  package static func exp(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>)
  {
    unsafe table.exp(count, x, y)
  }

  /// y[i] = tanh x
  package static func tanh(
    _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.tanh(count, x, y)
  }

  /// y[i] = 1/(1 + e⁻ˣ)
  package static func sigmoid(
    _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.sigmoid(count, x, y)
  }

  /// y[i] = x·σ(x)
  package static func silu(
    _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.silu(count, x, y)
  }

  /// y[i] = x·Φ(x)
  package static func gelu(
    _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.gelu(count, x, y)
  }

  /// y[i] = the number of the format that is nearest to x[i]
  package static func round(
    _ count: Int, _ x: UnsafePointer<Float>, to format: NumberFormat,
    _ y: UnsafeMutablePointer<Float>
  ) {
    switch format {
    case .float32: unsafe y.update(from: x, count: count)
    case .bfloat16: unsafe table.round_bfloat16(count, x, y)
    case .float16: unsafe table.round_float16(count, x, y)
    }
  }

  /// y[i] = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
  package static func geluTanh(
    _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.gelu_tanh(count, x, y)
  }

  /// dx[i] = f′(x[i])·dy[i]
  package static func siluBackward(
    _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.silu_backward(count, x, dy, dx)
  }

  /// dx[i] = f′(x[i])·dy[i]
  package static func geluBackward(
    _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.gelu_backward(count, x, dy, dx)
  }

  /// dx[i] = f′(x[i])·dy[i]
  package static func geluTanhBackward(
    _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.gelu_tanh_backward(count, x, dy, dx)
  }

  /// y = a + b
  package static func add(
    _ count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.add(count, a, b, y)
  }

  /// y = a·b
  package static func multiply(
    _ count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.multiply(count, a, b, y)
  }

  /// y = α·x
  package static func scale(
    _ count: Int, _ alpha: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.scale(count, alpha, x, y)
  }

  /// y += α·x
  package static func axpy(
    _ count: Int, _ alpha: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.axpy(count, alpha, x, y)
  }

  /// each row of y += bias
  package static func addBias(
    _ rows: Int, _ count: Int, _ bias: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.add_bias(rows, count, bias, y)
  }

  /// y += Σ rows of x
  package static func columnSums(
    _ rows: Int, _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.column_sums(rows, count, x, y)
  }

  /// Rounds updated weights to bfloat16: see descent_kernels.h. The counts are of the updates that
  /// left no trace and of all.
  package static func store(
    _ count: Int, _ w: UnsafeMutablePointer<Float>, _ stored: UnsafeMutablePointer<UInt16>,
    _ counts: UnsafeMutablePointer<Int>
  ) {
    unsafe table.store_nearest(count, w, stored, counts)
  }

  /// Kahan's compensation.
  package static func store(
    _ count: Int, _ w: UnsafeMutablePointer<Float>, _ stored: UnsafeMutablePointer<UInt16>,
    compensation: UnsafeMutablePointer<UInt16>, _ counts: UnsafeMutablePointer<Int>
  ) {
    unsafe table.store_kahan(count, w, stored, compensation, counts)
  }

  /// Stochastic rounding.
  package static func store(
    _ count: Int, _ w: UnsafeMutablePointer<Float>, _ stored: UnsafeMutablePointer<UInt16>,
    counter: SIMD4<UInt32>, key: SIMD2<UInt32>, _ counts: UnsafeMutablePointer<Int>
  ) {
    var (counter, key) = (counter, key)
    unsafe withUnsafeBytes(of: &counter) { counter in
      unsafe withUnsafeBytes(of: &key) { key in
        unsafe table.store_stochastic(
          count, w, stored, counter.assumingMemoryBound(to: UInt32.self).baseAddress!,
          key.assumingMemoryBound(to: UInt32.self).baseAddress!, counts)
      }
    }
  }

  /// Σ x
  package static func sum(_ count: Int, _ x: UnsafePointer<Float>) -> Double {
    unsafe table.sum(count, x)
  }

  /// Σ x²
  package static func sumOfSquares(_ count: Int, _ x: UnsafePointer<Float>) -> Double {
    unsafe table.sum_of_squares(count, x)
  }

  /// Σ a·b
  package static func dot(_ count: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>)
    -> Double
  {
    unsafe table.dot(count, a, b)
  }

  /// NaN when an x is NaN; 0 for n = 0
  package static func maxMagnitude(_ count: Int, _ x: UnsafePointer<Float>) -> Float {
    unsafe table.max_magnitude(count, x)
  }

  /// -1: none
  package static func firstNonfinite(_ count: Int, _ x: UnsafePointer<Float>) -> Int {
    unsafe table.first_nonfinite(count, x)
  }

  /// y[i] = exp(scale·x[i]) / Σ over the first `valid`; 0 beyond.
  package static func softmax(
    _ count: Int, _ valid: Int, _ scale: Float, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.softmax(count, valid, scale, x, y)
  }

  /// dx = scale·y·(dy − Σ dy·y) over the first `valid`; 0 beyond.
  package static func softmaxBackward(
    _ count: Int, _ valid: Int, _ scale: Float, _ y: UnsafePointer<Float>,
    _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.softmax_backward(count, valid, scale, y, dy, dx)
  }

  /// log Σ eˣ
  package static func logSumExp(_ count: Int, _ x: UnsafePointer<Float>) -> Float {
    unsafe table.log_sum_exp(count, x)
  }

  /// dx[i] = scale·(exp(x[i] − lse) − [i = target])
  package static func crossEntropyBackward(
    _ count: Int, _ x: UnsafePointer<Float>, _ lse: Float, _ target: Int, _ scale: Float,
    _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.cross_entropy_backward(count, x, lse, target, scale, dx)
  }

  /// y = (x − mean)·rstd·gain + bias
  package static func layerNorm(
    _ count: Int, _ x: UnsafePointer<Float>, _ gain: UnsafePointer<Float>?,
    _ bias: UnsafePointer<Float>?, _ eps: Float, _ y: UnsafeMutablePointer<Float>,
    _ mean: UnsafeMutablePointer<Float>, _ rstd: UnsafeMutablePointer<Float>
  ) {
    unsafe table.layer_norm(count, x, gain, bias, eps, y, mean, rstd)
  }

  ///
  package static func layerNormBackward(
    _ count: Int, _ x: UnsafePointer<Float>, _ gain: UnsafePointer<Float>?,
    _ dy: UnsafePointer<Float>, _ mean: Float, _ rstd: Float, _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.layer_norm_backward(count, x, gain, dy, mean, rstd, dx)
  }

  /// dgain += Σ dy·x̂, dbias += Σ dy over rows
  package static func layerNormGradients(
    _ rows: Int, _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ mean: UnsafePointer<Float>, _ rstd: UnsafePointer<Float>,
    _ dgain: UnsafeMutablePointer<Float>, _ dbias: UnsafeMutablePointer<Float>?
  ) {
    unsafe table.layer_norm_gradients(rows, count, x, dy, mean, rstd, dgain, dbias)
  }

  /// y = x·rstd·gain
  package static func rmsNorm(
    _ count: Int, _ x: UnsafePointer<Float>, _ gain: UnsafePointer<Float>?, _ eps: Float,
    _ y: UnsafeMutablePointer<Float>, _ rstd: UnsafeMutablePointer<Float>
  ) {
    unsafe table.rms_norm(count, x, gain, eps, y, rstd)
  }

  ///
  package static func rmsNormBackward(
    _ count: Int, _ x: UnsafePointer<Float>, _ gain: UnsafePointer<Float>?,
    _ dy: UnsafePointer<Float>, _ rstd: Float, _ dx: UnsafeMutablePointer<Float>
  ) {
    unsafe table.rms_norm_backward(count, x, gain, dy, rstd, dx)
  }

  ///
  package static func rmsNormGradients(
    _ rows: Int, _ count: Int, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ rstd: UnsafePointer<Float>, _ dgain: UnsafeMutablePointer<Float>
  ) {
    unsafe table.rms_norm_gradients(rows, count, x, dy, rstd, dgain)
  }
}

extension Kernels {
  /// y[i] = x[i] to the nearest bfloat16, ties to even.
  package static func toBFloat16(
    _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<UInt16>
  ) {
    unsafe table.to_bfloat16(count, x, y)
  }

  /// y[i] = x[i], exactly.
  package static func fromBFloat16(
    _ count: Int, _ x: UnsafePointer<UInt16>, _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.from_bfloat16(count, x, y)
  }

  /// The codes of x, and a scale (the largest magnitude) for each ``Codebook/block`` elements.
  package static func encode(
    _ count: Int, _ x: UnsafePointer<Float>, _ book: Codebook,
    _ scales: UnsafeMutablePointer<Float>, _ codes: UnsafeMutablePointer<UInt8>
  ) {
    unsafe table.encode(count, x, book.tables, scales, codes)
  }

  /// y[i] = the value of code i, times the scale of its block.
  package static func decode(
    _ count: Int, _ codes: UnsafePointer<UInt8>, _ scales: UnsafePointer<Float>, _ book: Codebook,
    _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe table.decode(count, codes, scales, book.tables, y)
  }
}
