import DescentCompute

/// The step that both forms of Adafactor take, after they have settled its numbers.
///
/// ```
/// r ← β·r + (1−β)·mean(g² + ε)       over a row; c the same over a column
/// u = g/√max(r·c/max(mean(r), least mean), least)
/// w ← shrink·w,  or  w ← w − decay·w
/// w ← w − rate/max(1, RMS(u)/threshold)·u,  through m where there is momentum
/// ```
/// Tensors of rank below 2 keep the whole average in the place of r·c. Sums are in double, over
/// pieces that follow from the shape.
///
/// r·c leaves the range of float32 long before u does: where a row and a column without gradients
/// cross, it is 10⁻⁶⁰. So the inverse roots of r/mean(r) and of c are multiplied, as transformers
/// has it; and they stay finite, so that a gradient of 0 gives a step of 0.
struct FactoredUpdate {
  /// Where the averages are.
  struct Slots {
    /// r
    var row: Slot
    /// c
    var column: Slot
    var whole: Slot
  }

  static let m = Slot("exp_avg")

  var slots: Slots
  /// β
  var decay: Double
  /// ε
  var added: Double
  var leastMean: Double
  var least: Double
  var clipThreshold: Double
  var rate: Double
  var shrink = 1.0
  var decayed = 0.0
  /// Decay of the momentum.
  var beta1: Double?

  /// About how many elements a piece of work has.
  static let pieceSize = 16384
  /// Rows shorter than this are taken several at a time: a call for each would take longer than its work.
  static let longRow = 64

  func run<S: Scalar>(_ tensor: Block<S>) {
    if tensor.shape.count < 2 { runWhole(tensor) } else { runFactored(tensor) }
  }

  // MARK: Vectors

  private func runWhole<S: Scalar>(_ tensor: Block<S>) {
    let (g, s, m) = (tensor.g, tensor[slots.whole], momentum(of: tensor))
    let (β, taken, ε) = (S(decay), S(1 - decay), S(added))
    // 0/0 must be 0.
    let least = max(S(least), S.leastNormalMagnitude)
    let squares = ThreadPool.shared.parallelSum(count: tensor.count, chunk: Self.pieceSize) {
      piece in
      for i in piece { s[i] = β * s[i] + taken * (g[i] * g[i] + ε) }
      return sumOfSquares(over: piece.count) { j in
        g[piece.lowerBound &+ j] / max(s[piece.lowerBound &+ j], least).root
      }
    }
    let factor = factor(squares, tensor.count)
    ThreadPool.shared.forEachChunk(of: tensor.count, size: Self.pieceSize) { piece in
      move(tensor, piece, momentum: m, factor) { i in g[i] / max(s[i], least).root }
    }
  }

  // MARK: Matrices

  private func runFactored<S: Scalar>(_ tensor: Block<S>) {
    let (g, r, c) = (tensor.g, tensor[slots.row], tensor[slots.column])
    let m = momentum(of: tensor)
    let (height, width) = (tensor.shape[tensor.shape.count - 2], tensor.shape.last!)
    let kernels = width < Self.longRow ? nil : tensor.forKernels
    let rows = tensor.count / width
    let matrices = rows / height
    withScratch(S.self, matrices * width) { inverse in
      withScratch(Double.self, matrices) { means in
        updateAverages(tensor, height, width, matrices, means)
        /// 1/√x, at most the largest number.
        func inverseRoot(_ x: Double) -> S {
          S(min(1 / x.squareRoot(), Double(S.greatestFiniteMagnitude)))
        }
        let most = inverseRoot(least)
        for j in 0..<matrices * width { inverse[j] = inverseRoot(Double(c[j])) }
        /// What a column's inverse root is multiplied by in a row.
        func scale(_ row: Int) -> S {
          inverseRoot(Double(r[row]) / max(means[row / height], leastMean))
        }
        /// Calls `body` with u of some rows at a time, and the position of its first element.
        func forEachRun(_ rows: Range<Int>, _ body: (MutableView<S>, Int) -> Void) {
          let step = width < Self.longRow ? Self.longRow : 1
          withScratch(of: S.self, step * width) { u in
            for start in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
              let end = min(start + step, rows.upperBound)
              for row in start..<end {
                let (a, u0, c0) = (scale(row), (row - start) * width, row / height * width)
                for j in 0..<width {
                  u[u0 &+ j] = min(a * inverse[c0 &+ j], most) * g[row &* width &+ j]
                }
              }
              body(u[0..<(end - start) * width], start * width)
            }
          }
        }
        let size = max(1, Self.pieceSize / width)
        let squares = ThreadPool.shared.parallelSum(count: rows, chunk: size) { piece in
          var total = 0.0
          if let kernels {
            for row in piece {
              total +=
                direction(
                  kernels, row * width, inverse, row / height * width, width, scale(row), most
                ).squares
            }
          } else {
            forEachRun(piece) { u, _ in total += sumOfSquares(of: u.reading) }
          }
          return total
        }
        let factor = factor(squares, tensor.count)
        ThreadPool.shared.forEachChunk(of: rows, size: size) { piece in
          if let kernels {
            for row in piece {
              let range = row * width..<(row + 1) * width
              Kernels.factoredUpdate(
                direction(
                  kernels, range.lowerBound, inverse, row / height * width, width, scale(row), most),
                w: kernels.w[range], m: momentum(of: kernels).map { $0[range] },
                factor: Float(factor), shrink: Float(shrink), decayed: Float(decayed),
                β1: Float(beta1 ?? 0), α1: Float(1 - (beta1 ?? 0)))
            }
          } else {
            forEachRun(piece) { u, first in
              move(tensor, first..<first + u.count, momentum: m, factor) { i in u[i &- first] }
            }
          }
        }
      }
    }
  }

  /// u of a row, for ``Kernels``.
  private func direction<S: Scalar>(
    _ tensor: Block<Float>, _ g0: Int, _ inverse: MutableView<S>, _ c0: Int, _ width: Int, _ a: S,
    _ most: S
  ) -> Kernels.FactoredDirection {
    Kernels.FactoredDirection(
      g: tensor.g[g0..<g0 + width], c: inverse[c0..<c0 + width].reading.cast(to: Float.self),
      a: Float(a), most: Float(most))
  }

  /// Updates r and c of each matrix, and leaves the mean of its r in `means`.
  private func updateAverages<S: Scalar>(
    _ tensor: Block<S>, _ height: Int, _ width: Int, _ matrices: Int, _ means: MutableView<Double>
  ) {
    let (g, r, c) = (tensor.g, tensor[slots.row], tensor[slots.column])
    let isNarrow = width < Self.longRow
    let kernels = isNarrow ? nil : tensor.forKernels
    // A mean beyond the type's range would stay infinite, and the ratio of two of them is NaN.
    let most = Double(S.greatestFiniteMagnitude)
    func averaged(_ old: S, _ mean: Double) -> S {
      S(min(decay * Double(old) + (1 - decay) * (mean + added), most))
    }
    // At most 64 pieces a matrix, since each has its own sums over columns.
    let size = max(1, Self.pieceSize / width, (height + 63) / 64)
    let pieces = (height + size - 1) / size
    func update(_ matrix: Int) {
      let first = matrix * height
      withScratch(Double.self, pieces * width) { partial in
        func add(_ piece: Int) {
          let p0 = piece * width
          for row in first + piece * size..<first + min(height, (piece + 1) * size) {
            let g0 = row * width
            if let kernels {
              let squares = Kernels.addSquares(
                kernels.g[g0..<g0 + width], partial[p0..<p0 + width])
              r[row] = averaged(r[row], squares / Double(width))
              continue
            }
            var squares = 0.0
            for j in 0..<width {
              let x = Double(g[g0 &+ j])
              partial[p0 &+ j] += x * x
              if isNarrow { squares += x * x }
            }
            if !isNarrow { squares = sumOfSquares(over: width) { j in g[g0 &+ j] } }
            r[row] = averaged(r[row], squares / Double(width))
          }
        }
        if pieces == 1 { add(0) } else { ThreadPool.shared.run(pieces, add) }
        for piece in 1..<pieces {
          let p0 = piece * width
          for j in 0..<width { partial[j] += partial[p0 &+ j] }
        }
        for j in 0..<width {
          c[matrix * width &+ j] = averaged(c[matrix * width &+ j], partial[j] / Double(height))
        }
      }
      means[matrix] = sum(over: height) { i in r[first &+ i] } / Double(height)
    }
    // Large matrices share the threads within, small ones among them.
    if pieces > 1 {
      for matrix in 0..<matrices { update(matrix) }
    } else {
      let size = max(1, Self.pieceSize / (height * width))
      ThreadPool.shared.forEachChunk(of: matrices, size: size) { $0.forEach(update) }
    }
  }

  // MARK: The step

  /// m, where there is momentum.
  private func momentum<S: Scalar>(of tensor: Block<S>) -> MutableView<S>? {
    beta1 == nil ? nil : tensor[Self.m]
  }

  /// rate/max(1, RMS(u)/threshold)
  private func factor(_ squares: Double, _ count: Int) -> Double {
    rate / max(1, (squares / Double(count)).squareRoot() / clipThreshold)
  }

  @inline(__always)
  private func move<S: Scalar>(
    _ tensor: Block<S>, _ range: Range<Int>, momentum m: MutableView<S>?, _ factor: Double,
    _ u: (Int) -> S
  ) {
    let (w, factor, shrink, decayed) = (tensor.w, S(factor), S(shrink), S(decayed))
    if let beta1, let m {
      let (β1, taken) = (S(beta1), S(1 - beta1))
      for i in range {
        m[i] = β1 * m[i] + taken * (factor * u(i))
        w[i] = (w[i] * shrink - decayed * w[i]) - m[i]
      }
    } else {
      for i in range { w[i] = (w[i] * shrink - decayed * w[i]) - factor * u(i) }
    }
  }
}

/// What both forms of Adafactor share around that step.
protocol AdafactorRule: TensorRule, StepCountingRule {
  /// ρ at step t; α differs from tensor to tensor.
  func relativeRate(_ t: Double) -> Double
  /// Whether ρ follows t.
  var takesRelativeSteps: Bool { get }
}

extension AdafactorRule {
  static var paper: String {
    """
    Shazeer, Stern: Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, \
    arXiv:1804.04235
    """
  }

  /// ρ, where it follows t.
  public func metrics(
    _ variables: StepCount, _ step: Step
  ) -> [(name: String, value: Double)] {
    takesRelativeSteps ? [("relative_step", effectiveLearningRate(variables))] : []
  }

  /// ρ
  public func effectiveLearningRate(_ variables: StepCount) -> Double {
    relativeRate(max(variables.steps, 1))
  }
}

/// RMS(w) = ‖w‖/√count
func rootMeanSquare<S: Scalar>(_ tensor: Block<S>) -> Double {
  let w = tensor.w
  let squares = ThreadPool.shared.parallelSum(
    count: tensor.count, chunk: FactoredUpdate.pieceSize
  ) { piece in sumOfSquares(of: w[piece].reading) }
  return (squares / Double(tensor.count)).squareRoot()
}
