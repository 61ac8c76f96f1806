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
  ///   - rectified: whether ReLU follows: max(y, 0) in the place of y, in one pass. False by default.
  /// - Returns: y, and μ and σ² (the biased variance) without gradients. This tensor has shape
  ///   [batch, channels, ...].
  public func batchNorm(
    _ weight: Tensor, _ bias: Tensor, epsilon: Float = 1e-5, rectified: Bool = false
  ) -> (y: Tensor, mean: Tensor, variance: Tensor) {
    let s = ChannelShape(self, weight, bias)
    let mean = Tensor(uninitialized: [s.channels])
    let variance = Tensor(uninitialized: [s.channels])
    let (xs, means, variances) = (elements, mean.freshElements, variance.freshElements)
    inParallel(s.channels) { c in
      var sum = 0.0
      for b in 0..<s.batch { sum += Kernels.sum(xs.row(b * s.channels + c, s.inner)) }
      let mean = Float(sum / Double(s.count))
      var squares = 0.0
      for b in 0..<s.batch {
        squares += Double(
          Kernels.sumOfSquares(xs.row(b * s.channels + c, s.inner), around: mean))
      }
      means[c] = mean
      variances[c] = Float(squares / Double(s.count))
    }
    let norm = ChannelNorm(s, mean, variance, epsilon, rectified)
    let y = norm(self, weight, bias)
    let result = record(y, from: self, weight, bias, in: format) {
      [x = kept, w = weight.detached, b = bias.detached] dy, d in
      // With h = (x − μ)·s:  db = Σ dy, dw = Σ dy·h and
      // dx = w·s·(dy − db/N − h·dw/N).
      let (db, dw) = norm.sums(x, dy, w, b)
      let (ws, bs, dbs, dws) = (w.elements, b.elements, db.elements, dw.elements)
      let n = Float(s.count)
      d.write(to: 0) { dx, adds in
        norm.backward(x, dy, into: dx, adds: adds) { c in
          let scale = norm.scale(c)
          return norm.channel(
            c, ws, bs, factor: ws[c] * scale, drift: dbs[c] / n, slope: scale * dws[c] / n)
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
  ///   - rectified: whether ReLU follows. False by default.
  public func batchNorm(
    _ weight: Tensor, _ bias: Tensor, mean: Tensor, variance: Tensor, epsilon: Float = 1e-5,
    rectified: Bool = false
  ) -> Tensor {
    let s = ChannelShape(self, weight, bias)
    let norm = ChannelNorm(s, mean, variance, epsilon, rectified)
    let y = norm(self, weight, bias)
    return record(y, from: self, weight, bias, in: format) {
      [x = kept, w = weight.detached, b = bias.detached] dy, d in
      let (ws, bs) = (w.elements, b.elements)
      d.write(to: 0) { dx, adds in
        norm.backward(x, dy, into: dx, adds: adds) { c in
          norm.channel(c, ws, bs, factor: ws[c] * norm.scale(c))
        }
      }
      if d.needs(1) || d.needs(2) {
        let (db, dw) = norm.sums(x, dy, w, b)
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
}

/// The normalization of channels by their statistics.
private struct ChannelNorm {
  let shape: ChannelShape
  let mean: Tensor
  let variance: Tensor
  let epsilon: Float
  let rectified: Bool

  init(
    _ shape: ChannelShape, _ mean: Tensor, _ variance: Tensor, _ epsilon: Float, _ rectified: Bool
  ) {
    (self.shape, self.mean, self.variance) = (shape, mean, variance)
    (self.epsilon, self.rectified) = (epsilon, rectified)
  }

  /// s = 1/√(σ² + ε).
  func scale(_ c: Int) -> Float { 1 / (variance.elements[c] + epsilon).root }

  /// What rows of channel c need.
  func channel(
    _ c: Int, _ w: View<Float>, _ b: View<Float>, factor: Float = 0, drift: Float = 0,
    slope: Float = 0
  ) -> Kernels.Channel {
    Kernels.Channel(
      mean: mean.elements[c], scale: w[c] * scale(c), shift: b[c],
      rectifies: rectified, factor: factor, drift: drift, slope: slope)
  }

  func callAsFunction(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
    let (y, s) = (Tensor(uninitialized: x.shape), shape)
    let (xs, ys, ws, bs) = (x.elements, y.freshElements, weight.elements, bias.elements)
    inRows(of: s.batch * s.channels, s.inner) { range in
      for r in range {
        Kernels.normalize(
          xs.row(r, s.inner), channel(r % s.channels, ws, bs), ys.row(r, s.inner))
      }
    }
    return y
  }

  /// Σ dy and Σ dy·h of every channel, with h = (x − μ)·s.
  func sums(
    _ x: Tensor, _ dy: Tensor, _ weight: Tensor, _ bias: Tensor
  ) -> (db: Tensor, dw: Tensor) {
    let s = shape
    let (db, dw) = (Tensor(uninitialized: [s.channels]), Tensor(uninitialized: [s.channels]))
    let (xs, dys, dbs, dws) = (x.elements, dy.elements, db.freshElements, dw.freshElements)
    let (ws, bs) = (weight.elements, bias.elements)
    inParallel(s.channels) { c in
      let channel = channel(c, ws, bs)
      var (sum, product) = (0.0, 0.0)
      for b in 0..<s.batch {
        let row = b * s.channels + c
        let (first, second) = Kernels.normalizeSums(
          xs.row(row, s.inner), channel, dys.row(row, s.inner))
        sum += first
        product += second
      }
      dbs[c] = Float(sum)
      dws[c] = Float(product) * scale(c)
    }
    return (db, dw)
  }

  /// dx by rows of channels.
  func backward(
    _ x: Tensor, _ dy: Tensor, into dx: MutableView<Float>, adds: Bool,
    _ channel: (Int) -> Kernels.Channel
  ) {
    let (xs, dys, s) = (x.elements, dy.elements, shape)
    inRows(of: s.batch * s.channels, s.inner) { range in
      for r in range {
        Kernels.normalizeBackward(
          xs.row(r, s.inner), channel(r % s.channels), dys.row(r, s.inner), adds: adds,
          dx.row(r, s.inner))
      }
    }
  }
}
