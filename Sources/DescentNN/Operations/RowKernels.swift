internal import DescentCompute

/// The vector loops of `DescentCompute` on views of elements, with their lengths checked.
enum RowKernels {
  // MARK: - Functions of every element

  static func exp(_ x: Elements, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.exp(x.count, x.base, y.base)
  }

  static func tanh(_ x: Elements, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.tanh(x.count, x.base, y.base)
  }

  static func sigmoid(_ x: Elements, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.sigmoid(x.count, x.base, y.base)
  }

  static func gelu(_ x: Elements, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.gelu(x.count, x.base, y.base)
  }

  static func geluTanh(_ x: Elements, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.geluTanh(x.count, x.base, y.base)
  }

  static func silu(_ x: Elements, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.silu(x.count, x.base, y.base)
  }

  static func round(_ x: Elements, to format: NumberFormat, _ y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.round(x.count, x.base, to: format, y.base)
  }

  // MARK: - dx = f′(x)·dy

  static func geluBackward(_ x: Elements, _ dy: Elements, _ dx: MutableElements) {
    precondition(x.count == dx.count && dy.count == dx.count)
    unsafe Kernels.geluBackward(x.count, x.base, dy.base, dx.base)
  }

  static func geluTanhBackward(_ x: Elements, _ dy: Elements, _ dx: MutableElements) {
    precondition(x.count == dx.count && dy.count == dx.count)
    unsafe Kernels.geluTanhBackward(x.count, x.base, dy.base, dx.base)
  }

  static func siluBackward(_ x: Elements, _ dy: Elements, _ dx: MutableElements) {
    precondition(x.count == dx.count && dy.count == dx.count)
    unsafe Kernels.siluBackward(x.count, x.base, dy.base, dx.base)
  }

  // MARK: - Rows

  /// y = softmax(scale·x) over the first `valid` elements; 0 beyond.
  static func softmax(_ x: Elements, valid: Int, scale: Float = 1, _ y: MutableElements) {
    precondition(x.count == y.count && valid <= x.count)
    unsafe Kernels.softmax(x.count, valid, scale, x.base, y.base)
  }

  /// dx = scale·y·(dy − Σ dy·y) over the first `valid` elements; 0 beyond.
  static func softmaxBackward(
    _ y: Elements, _ dy: Elements, valid: Int, scale: Float = 1, _ dx: MutableElements
  ) {
    precondition(y.count == dx.count && dy.count == dx.count && valid <= dx.count)
    unsafe Kernels.softmaxBackward(y.count, valid, scale, y.base, dy.base, dx.base)
  }

  /// log Σ eˣ.
  static func logSumExp(_ x: Elements) -> Float { unsafe Kernels.logSumExp(x.count, x.base) }

  /// dx = scale·(e^(x − logSum) − [j = label]).
  static func crossEntropyBackward(
    _ x: Elements, logSum: Float, label: Int, scale: Float, _ dx: MutableElements
  ) {
    precondition(x.count == dx.count)
    unsafe Kernels.crossEntropyBackward(x.count, x.base, logSum, label, scale, dx.base)
  }

  /// y += the sum of the rows of x.
  static func addRows(_ x: Elements, rows: Int, to y: MutableElements) {
    precondition(x.count == rows * y.count)
    unsafe Kernels.columnSums(rows, y.count, x.base, y.base)
  }

  /// y += α·x.
  static func add(_ x: Elements, factor: Float = 1, to y: MutableElements) {
    precondition(x.count == y.count)
    unsafe Kernels.axpy(x.count, factor, x.base, y.base)
  }

  /// z = x + y.
  static func add(_ x: Elements, _ y: Elements, _ z: MutableElements) {
    precondition(x.count == z.count && y.count == z.count)
    unsafe Kernels.add(x.count, x.base, y.base, z.base)
  }

  // MARK: - Normalization

  /// The weights of a normalization, and whether it subtracts the mean.
  struct Norm {
    let weight: Elements
    let bias: Elements?
    let epsilon: Float
    let centered: Bool
  }

  /// y = (x − mean)·scale·weight + bias for one row; gives mean and scale.
  static func normalize(_ x: Elements, _ norm: Norm, _ y: MutableElements) -> (Float, Float) {
    let n = x.count
    precondition(y.count == n && norm.weight.count == n && (norm.bias?.count ?? n) == n)
    var (mean, scale): (Float, Float) = (0, 0)
    if norm.centered {
      unsafe Kernels.layerNorm(
        n, x.base, norm.weight.base, norm.bias?.base, norm.epsilon, y.base, &mean, &scale)
    } else {
      unsafe Kernels.rmsNorm(n, x.base, norm.weight.base, norm.epsilon, y.base, &scale)
    }
    return (mean, scale)
  }

  /// dx of one row.
  static func normalizeBackward(
    _ x: Elements, _ norm: Norm, _ dy: Elements, mean: Float, scale: Float, _ dx: MutableElements
  ) {
    let n = x.count
    precondition(dy.count == n && dx.count == n && norm.weight.count == n)
    if norm.centered {
      unsafe Kernels.layerNormBackward(
        n, x.base, norm.weight.base, dy.base, mean, scale, dx.base)
    } else {
      unsafe Kernels.rmsNormBackward(n, x.base, norm.weight.base, dy.base, scale, dx.base)
    }
  }

  /// dw += Σ dy·x̂ and db += Σ dy over rows.
  static func normalizeGradients(
    rows: Int, _ x: Elements, _ dy: Elements, means: Elements, scales: Elements, centered: Bool,
    dw: MutableElements, db: MutableElements?
  ) {
    let n = dw.count
    precondition(
      x.count == rows * n && dy.count == rows * n && means.count == rows && scales.count == rows
        && (db?.count ?? n) == n)
    if centered {
      unsafe Kernels.layerNormGradients(
        rows, n, x.base, dy.base, means.base, scales.base, dw.base, db?.base)
    } else {
      unsafe Kernels.rmsNormGradients(rows, n, x.base, dy.base, scales.base, dw.base)
    }
  }
}
