internal import DescentCompute

extension Tensor {
  /// The mean cross-entropy of logits, in nats.
  ///
  /// ```
  /// L = −1/N Σᵢ Σⱼ tᵢⱼ · log softmax(xᵢ)ⱼ        tᵢⱼ = (1 − s)·[j = labelᵢ] + s/classes
  /// ```
  ///
  /// - Parameters:
  ///   - labels: One class for every row of logits.
  ///   - smoothing: s, the share of a target that is spread over all classes; 0 by default.
  ///   - ignored: A label whose rows do not count, neither in the sum nor in N.
  /// - Returns: A single number; 0 when no row counts.
  public func crossEntropy(
    _ labels: IndexTensor, smoothing: Float = 0, ignoring ignored: Int32? = nil
  ) -> Tensor {
    let (rows, n) = matrixShape
    check(
      labels.scalars.count == rows,
      "cross-entropy of logits of shape \(shape) needs \(rows) labels, "
        + "but \(labels.scalars.count) were given")
    let labels = labels.scalars
    var counted = 0
    for label in labels where label != ignored {
      check(label >= 0 && label < n, "the label \(label) is not one of the \(n) classes")
      counted += 1
    }
    // log Σⱼ e^xⱼ and the loss of every row.
    let logSums = Tensor(uninitialized: [rows])
    let losses = Tensor(uninitialized: [rows])
    let (xs, sums, ls) = (elements, logSums.freshElements, losses.freshElements)
    inRows(of: rows, n) { range in
      for r in range {
        let x = xs.row(r, n)
        sums[r] = Kernels.logSumExp(x)
        if labels[r] == ignored {
          ls[r] = 0
        } else if smoothing == 0 {
          ls[r] = sums[r] - x[Int(labels[r])]
        } else {
          let mean = x.sum() / Float(n)
          ls[r] = sums[r] - (1 - smoothing) * x[Int(labels[r])] - smoothing * mean
        }
      }
    }
    var total = 0.0
    for r in 0..<rows { total += Double(ls[r]) }
    let share = 1 / Float(Swift.max(1, counted))
    let y = Tensor(Float(total / Double(Swift.max(1, counted))))
    return record(y, from: self) { [x = kept] dy, d in
      // dx = (softmax(x) − t) / N
      let scale = share * dy.scalar
      d.add(to: 0, crossEntropyDerivative(x, logSums, labels, smoothing, ignored, scale))
    }
  }

  /// The mean of squared differences.
  ///
  /// ```
  /// L = 1/N Σᵢ (xᵢ − tᵢ)²
  /// ```
  ///
  /// - Parameter target: t, of the same shape.
  public func meanSquaredError(_ target: Tensor) -> Tensor {
    check(
      shape == target.shape,
      "the mean squared error needs two tensors of one shape, not \(shape) and \(target.shape)")
    return (self - target).squared().mean()
  }
}

/// (softmax(x) − t)·scale for every row that counts.
private func crossEntropyDerivative(
  _ x: Tensor, _ logSums: Tensor, _ labels: [Int32], _ smoothing: Float, _ ignored: Int32?,
  _ scale: Float
) -> Tensor {
  let (rows, n) = x.matrixShape
  let dx = Tensor(uninitialized: x.shape)
  let (xs, sums, dxs) = (x.elements, logSums.elements, dx.freshElements)
  inRows(of: rows, n) { range in
    for r in range {
      let dx = dxs.row(r, n)
      if labels[r] == ignored {
        dx.fill(0)
        continue
      }
      let label = Int(labels[r])
      Kernels.crossEntropyBackward(
        xs.row(r, n), logSum: sums[r], label: label, scale: scale, dx)
      if smoothing != 0 {
        dx[label] += scale * smoothing
        for j in 0..<n { dx[j] -= scale * smoothing / Float(n) }
      }
    }
  }
  return dx
}
