internal import DescentCompute

extension Tensor {
  /// Layer normalization over the last dimension.
  ///
  /// ```
  /// y = (x − μ) / √(σ² + ε) · w + b        μ, σ²: mean and variance of a row
  /// ```
  ///
  /// - Parameters:
  ///   - weight: w, as long as a row.
  ///   - bias: b, as long as a row, or nil for none.
  ///   - epsilon: ε, 1e-5 by default.
  public func layerNorm(_ weight: Tensor, _ bias: Tensor? = nil, epsilon: Float = 1e-5) -> Tensor {
    rowsNormalized(weight, bias, epsilon: epsilon, centered: true)
  }

  /// Root-mean-square normalization over the last dimension.
  ///
  /// ```
  /// y = x / √(mean(x²) + ε) · w
  /// ```
  ///
  /// - Parameters:
  ///   - weight: w, as long as a row.
  ///   - epsilon: ε, 1e-6 by default.
  public func rmsNorm(_ weight: Tensor, epsilon: Float = 1e-6) -> Tensor {
    rowsNormalized(weight, nil, epsilon: epsilon, centered: false)
  }

  private func rowsNormalized(
    _ weight: Tensor, _ bias: Tensor?, epsilon: Float, centered: Bool
  ) -> Tensor {
    let (rows, n) = matrixShape
    check(
      weight.shape == [n] && (bias == nil || bias!.shape == [n]),
      "normalization of the rows of a tensor of shape \(shape) needs weight and bias of shape "
        + "[\(n)]")
    let y = Tensor(uninitialized: shape)
    // μ and s = 1/√(σ² + ε) of every row.
    let (mean, scale) = (Tensor(uninitialized: [rows]), Tensor(uninitialized: [rows]))
    let norm = Kernels.Normalization(
      gain: weight.elements, bias: bias?.elements, epsilon: epsilon, isCentered: centered)
    let (xs, ys, means, scales) = (
      elements, y.freshElements, mean.freshElements, scale.freshElements
    )
    inRows(of: rows, n) { range in
      for r in range {
        (means[r], scales[r]) = Kernels.normalize(xs.row(r, n), norm, ys.row(r, n))
      }
    }
    let operands = bias.map { [self, weight, $0] } ?? [self, weight]
    return recorded(y, from: operands) {
      [x = kept, w = weight.detached, hasBias = bias != nil] dy, d in
      // With h = (x − μ)·s and g = dy·w:  dx = s·(g − mean(g) − h·mean(g·h)),
      // dw = Σ dy·h and db = Σ dy over the rows.
      let norm = Kernels.Normalization(
        gain: w.elements, epsilon: epsilon, isCentered: centered)
      let (xs, dys) = (x.elements, dy.elements)
      let (means, scales) = (mean.elements, scale.elements)
      let blocks = RowBlocks(rows)
      let (needsGain, needsBias) = (d.needs(1), hasBias && d.needs(2))
      let sums = Tensor.zeros([needsBias ? 2 : 1, Swift.max(1, blocks.count), n])
      let allSums = sums.freshElements
      let dx = d.needs(0) ? Tensor(uninitialized: x.shape) : nil
      let dxs = dx?.freshElements
      inParallel(blocks.count) { b in
        let rows = blocks[b]
        let part = rows.lowerBound * n..<rows.upperBound * n
        if needsGain || needsBias {
          Kernels.normalizeGradients(
            xs[part], dys[part], means: means[rows], scales: scales[rows], isCentered: centered,
            dgain: allSums.row(b, n), dbias: needsBias ? allSums.row(blocks.count + b, n) : nil)
        }
        guard let dxs else { return }
        for r in rows {
          Kernels.normalizeBackward(
            xs.row(r, n), norm, dys.row(r, n), mean: means[r], scale: scales[r], dxs.row(r, n))
        }
      }
      if let dx { d.add(to: 0, dx) }
      d.write(to: 1) { dw, adds in
        combineRows(
          allSums.reading[0..<blocks.count * n], rows: blocks.count, columns: n, into: dw,
          adds: adds)
      }
      if needsBias {
        d.write(to: 2) { db, adds in
          combineRows(
            allSums.reading.from(blocks.count * n), rows: blocks.count, columns: n, into: db,
            adds: adds)
        }
      }
    }
  }
}
