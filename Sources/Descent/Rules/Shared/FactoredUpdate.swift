/// The step that both forms of Adafactor take, after they have settled its numbers.
///
/// ```
/// r ← β·r + (1−β)·mean(g² + ε)       over a row; c the same over a column
/// u = g/√max(r·c/max(mean(r), least mean), least)
/// w ← shrink·w − rate/max(1, RMS(u)/threshold)·u,  through m where there is momentum
/// ```
/// Tensors of rank below 2 keep the whole average in the place of r·c. Sums are in double, over
/// pieces that follow from the shape.
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
  var shrink: Double
  /// Decay of the momentum.
  var beta1: Double?

  /// About how many elements a piece of work has.
  static let pieceSize = 16384

  func run<S: Scalar>(_ tensor: Block<S>) {
    if tensor.shape.count < 2 { runWhole(tensor) } else { runFactored(tensor) }
  }

  // MARK: Vectors

  private func runWhole<S: Scalar>(_ tensor: Block<S>) {
    let (g, s, m) = (tensor.g, tensor[slots.whole], momentum(of: tensor))
    let (β, taken, ε, least) = (S(decay), S(1 - decay), S(added), S(least))
    let squares = ThreadPool.shared.parallelSum(count: tensor.count, chunk: Self.pieceSize) {
      piece in
      for i in piece { s[i] = β * s[i] + taken * (g[i] * g[i] + ε) }
      return sum(over: piece.count) { j in
        let (gi, si) = (g[piece.lowerBound &+ j], s[piece.lowerBound &+ j])
        return gi / max(si, least) * gi
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
    let rows = tensor.count / width
    let matrices = rows / height
    withScratch(matrices) { means in
      updateAverages(tensor, height, width, matrices, means)
      let least = S(least)
      /// What a column's average is multiplied by in a row.
      func scale(_ row: Int) -> S { S(Double(r[row]) / max(means[row / height], leastMean)) }
      let size = max(1, Self.pieceSize / width)
      let squares = ThreadPool.shared.parallelSum(count: rows, chunk: size) { piece in
        var total = 0.0
        for row in piece {
          let (a, g0, c0) = (scale(row), row * width, row / height * width)
          total += sum(over: width) { j in
            let gi = g[g0 &+ j]
            return gi / max(a * c[c0 &+ j], least) * gi
          }
        }
        return total
      }
      let factor = factor(squares, tensor.count)
      ThreadPool.shared.forEachChunk(of: rows, size: size) { piece in
        for row in piece {
          let (a, g0) = (scale(row), row * width)
          let shift = row / height * width - g0
          move(tensor, g0..<g0 + width, momentum: m, factor) { i in
            g[i] / max(a * c[shift &+ i], least).root
          }
        }
      }
    }
  }

  /// Updates r and c of each matrix, and leaves the mean of its r in `means`.
  private func updateAverages<S: Scalar>(
    _ tensor: Block<S>, _ height: Int, _ width: Int, _ matrices: Int, _ means: MutableView<Double>
  ) {
    let (g, r, c) = (tensor.g, tensor[slots.row], tensor[slots.column])
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
      withScratch(pieces * width) { partial in
        func add(_ piece: Int) {
          let p0 = piece * width
          for row in first + piece * size..<first + min(height, (piece + 1) * size) {
            let g0 = row * width
            for j in 0..<width {
              let x = Double(g[g0 &+ j])
              partial[p0 &+ j] += x * x
            }
            r[row] = averaged(
              r[row], sumOfSquares(over: width) { j in g[g0 &+ j] } / Double(width))
          }
        }
        if pieces == 1 { add(0) } else { ThreadPool.shared.run(pieces, add) }
        for j in 0..<width {
          var total = 0.0
          for piece in 0..<pieces { total += partial[piece * width &+ j] }
          c[matrix * width &+ j] = averaged(c[matrix * width &+ j], total / Double(height))
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
    let (w, factor, shrink) = (tensor.w, S(factor), S(shrink))
    if let beta1, let m {
      let (β1, taken) = (S(beta1), S(1 - beta1))
      for i in range {
        m[i] = β1 * m[i] + taken * (factor * u(i))
        w[i] = w[i] * shrink - m[i]
      }
    } else {
      for i in range { w[i] = w[i] * shrink - factor * u(i) }
    }
  }
}

/// What both forms of Adafactor share around that step.
protocol AdafactorRule: TensorRule where Variables == AdafactorVariables {
  /// ρ at step t; α differs from tensor to tensor.
  func relativeRate(_ t: Double) -> Double
}

extension AdafactorRule {
  static var paper: String {
    """
    Shazeer, Stern: Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, \
    arXiv:1804.04235
    """
  }

  public func updateVariables(
    _ variables: inout AdafactorVariables, from sums: SIMD4<Double>
  ) -> Bool {
    variables.steps += 1
    return true
  }

  /// ρ
  public func effectiveLearningRate(_ variables: AdafactorVariables) -> Double {
    relativeRate(max(variables.steps, 1))
  }
}

/// How many steps an Adafactor has taken, for its reported learning rate.
public struct AdafactorVariables: RunVariables {
  /// The steps so far.
  public var steps = 0.0
  /// None yet.
  public init() {}
  /// `step`.
  public static let fields: [(name: String, path: SettingPath<AdafactorVariables, Double>)] = [
    ("step", \.steps)
  ]
}

/// RMS(w) = ‖w‖/√count
func rootMeanSquare<S: Scalar>(_ tensor: Block<S>) -> Double {
  let w = tensor.w
  let squares = ThreadPool.shared.parallelSum(
    count: tensor.count, chunk: FactoredUpdate.pieceSize
  ) { piece in sumOfSquares(over: piece.count) { i in w[piece.lowerBound &+ i] } }
  return (squares / Double(tensor.count)).squareRoot()
}
