internal import DescentCompute

extension Tensor {
  /// Batch normalization of every channel with the statistics of the batch.
  ///
  /// ```
  /// y = (x − μ) / √(σ² + ε) · w + b        μ, σ²: over all but dimension 1
  /// ```
  ///
  /// - Parameters:
  ///   - weight: w, of shape [channels].
  ///   - bias: b, of shape [channels].
  ///   - epsilon: ε, 1e-5 by default.
  /// - Returns: y, and μ and σ² (the biased variance) without gradients. This tensor has shape
  ///   [batch, channels, ...].
  public func batchNorm(
    _ weight: Tensor, _ bias: Tensor, epsilon: Float = 1e-5
  ) -> (y: Tensor, mean: Tensor, variance: Tensor) {
    let s = ChannelShape(self, weight, bias)
    let mean = Tensor(uninitialized: [s.channels])
    let variance = Tensor(uninitialized: [s.channels])
    let (xs, means, variances) = (elements, mean.freshElements, variance.freshElements)
    inParallel(s.channels) { c in
      var sum = 0.0
      for b in 0..<s.batch { sum += Double(xs.row(b * s.channels + c, s.inner).sum()) }
      let mean = Float(sum / Double(s.count))
      var squares = 0.0
      for b in 0..<s.batch {
        let row = xs.row(b * s.channels + c, s.inner)
        var square: Float = 0
        for i in 0..<s.inner { square += (row[i] - mean) * (row[i] - mean) }
        squares += Double(square)
      }
      means[c] = mean
      variances[c] = Float(squares / Double(s.count))
    }
    let y = s.normalized(self, weight, bias, mean, variance, epsilon)
    let result = record(y, from: self, weight, bias, in: format) {
      [x = kept, w = weight.detached] dy, d in
      // With h = (x − μ)·s:  db = Σ dy, dw = Σ dy·h and
      // dx = w·s·(dy − db/N − h·dw/N).
      let (db, dw) = s.sums(x, dy, mean, variance, epsilon)
      d.write(to: 0) { dx, adds in
        let (xs, dys, ws) = (x.elements, dy.elements, w.elements)
        let (dbs, dws) = (db.elements, dw.elements)
        let (means, variances) = (mean.elements, variance.elements)
        inRows(of: s.batch * s.channels, s.inner) { range in
          for r in range {
            let c = r % s.channels
            let (x, dy, dx) = (xs.row(r, s.inner), dys.row(r, s.inner), dx.row(r, s.inner))
            let scale = 1 / (variances[c] + epsilon).root
            let factor = ws[c] * scale
            let shift = dbs[c] / Float(s.count)
            let slope = scale * dws[c] / Float(s.count)
            let mean = means[c]
            for i in 0..<s.inner {
              dx[i] =
                (adds ? dx[i] : 0) + factor * (dy[i] - shift - (x[i] - mean) * slope)
            }
          }
        }
      }
      d.add(to: 1, dw)
      d.add(to: 2, db)
    }
    return (result, mean, variance)
  }

  /// Batch normalization with given statistics, as at inference.
  ///
  /// - Parameters:
  ///   - weight: w, of shape [channels].
  ///   - bias: b, of shape [channels].
  ///   - mean: μ, of shape [channels]; constant.
  ///   - variance: σ², of shape [channels]; constant.
  ///   - epsilon: ε, 1e-5 by default.
  public func batchNorm(
    _ weight: Tensor, _ bias: Tensor, mean: Tensor, variance: Tensor, epsilon: Float = 1e-5
  ) -> Tensor {
    let s = ChannelShape(self, weight, bias)
    let y = s.normalized(self, weight, bias, mean, variance, epsilon)
    return record(y, from: self, weight, bias, in: format) {
      [x = kept, w = weight.detached] dy, d in
      d.write(to: 0) { dx, adds in
        let (dys, ws, variances) = (dy.elements, w.elements, variance.elements)
        inRows(of: s.batch * s.channels, s.inner) { range in
          for r in range {
            let c = r % s.channels
            let (dy, dx) = (dys.row(r, s.inner), dx.row(r, s.inner))
            let factor = ws[c] / (variances[c] + epsilon).root
            for i in 0..<s.inner { dx[i] = (adds ? dx[i] : 0) + factor * dy[i] }
          }
        }
      }
      if d.needs(1) || d.needs(2) {
        let (db, dw) = s.sums(x, dy, mean, variance, epsilon)
        d.add(to: 1, dw)
        d.add(to: 2, db)
      }
    }
  }
}

/// A tensor of shape [batch, channels, ...]: rows of `inner` elements, channel by channel.
private struct ChannelShape {
  let batch: Int
  let channels: Int
  let inner: Int

  /// The number of elements of a channel.
  var count: Int { batch * inner }

  init(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) {
    check(
      x.rank >= 2 && weight.shape == [x.shape[1]] && bias.shape == [x.shape[1]],
      "batch normalization needs a tensor of shape [batch, channels, ...] and as many weights and "
        + "biases as channels, not \(x.shape), \(weight.shape) and \(bias.shape)")
    batch = x.shape[0]
    channels = x.shape[1]
    inner = x.shape.dropFirst(2).reduce(1, *)
  }

  func normalized(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ mean: Tensor, _ variance: Tensor,
    _ epsilon: Float
  ) -> Tensor {
    let y = Tensor(uninitialized: x.shape)
    let (xs, ys, ws, bs) = (x.elements, y.freshElements, weight.elements, bias.elements)
    let (means, variances) = (mean.elements, variance.elements)
    inRows(of: batch * channels, inner) { range in
      for r in range {
        let c = r % channels
        let (x, y) = (xs.row(r, inner), ys.row(r, inner))
        let scale = ws[c] / (variances[c] + epsilon).root
        let (mean, shift) = (means[c], bs[c])
        for i in 0..<inner { y[i] = (x[i] - mean) * scale + shift }
      }
    }
    return y
  }

  /// Σ dy and Σ dy·h of every channel.
  func sums(
    _ x: Tensor, _ dy: Tensor, _ mean: Tensor, _ variance: Tensor, _ epsilon: Float
  ) -> (db: Tensor, dw: Tensor) {
    let (db, dw) = (Tensor(uninitialized: [channels]), Tensor(uninitialized: [channels]))
    let (xs, dys, dbs, dws) = (x.elements, dy.elements, db.freshElements, dw.freshElements)
    let (means, variances) = (mean.elements, variance.elements)
    inParallel(channels) { c in
      var (sum, product) = (0.0, 0.0)
      for b in 0..<batch {
        let (x, dy) = (xs.row(b * channels + c, inner), dys.row(b * channels + c, inner))
        let rowSum = Double(dy.sum())
        sum += rowSum
        product += Double(dy.dot(x)) - rowSum * Double(means[c])
      }
      dbs[c] = Float(sum)
      dws[c] = Float(product) / (variances[c] + epsilon).root
    }
    return (db, dw)
  }
}
