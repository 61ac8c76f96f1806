internal import DescentCompute

extension Tensor {
  /// Rotary position embedding: turns each pair of features of every head by an angle that grows with
  /// the position.
  ///
  /// ```
  /// yᵢ     = xᵢ·cos θ − xᵢ₊ₕ·sin θ
  /// yᵢ₊ₕ  = xᵢ₊ₕ·cos θ + xᵢ·sin θ        i < h = d/2, θ = position·frequencyᵢ
  /// ```
  ///
  /// Su et al.: RoFormer: Enhanced transformer with rotary position embedding (2021),
  /// arXiv:2104.09864; the halves of a head are paired, as in Llama.
  ///
  /// - Parameters:
  ///   - heads: The number of heads, side by side in this tensor of shape [batch, time, heads·d].
  ///   - cosines: cos θ of every position and pair, of shape [time, d/2].
  ///   - sines: sin θ, of the same shape.
  public func rotated(heads: Int, cosines: Tensor, sines: Tensor) -> Tensor {
    let half = rank == 3 && heads > 0 ? shape[2] / heads / 2 : 0
    check(
      half > 0 && shape[2] == heads * 2 * half && cosines.shape == [shape[1], half]
        && sines.shape == cosines.shape,
      "a rotation of \(heads) heads in the shape \(shape) needs angles of shape [time, pairs], not "
        + "\(cosines.shape)")
    let y = Tensor(uninitialized: shape)
    rotate(self, heads, half, cosines, sines, sign: 1, into: y.freshElements)
    return record(y, from: self, in: format) { dy, d in
      // The transpose of a rotation turns back.
      let dx = Tensor(uninitialized: dy.shape)
      rotate(dy, heads, half, cosines, sines, sign: -1, into: dx.freshElements)
      d.add(to: 0, dx)
    }
  }
}

private func rotate(
  _ x: Tensor, _ heads: Int, _ half: Int, _ cosines: Tensor, _ sines: Tensor, sign: Float,
  into y: MutableView<Float>
) {
  let (rows, width) = x.matrixShape
  let time = x.shape[1]
  let (xs, cs, ss) = (x.elements, cosines.elements, sines.elements)
  inRows(of: rows, width) { range in
    for r in range {
      let (c, s) = (cs.row(r % time, half), ss.row(r % time, half))
      for h in 0..<heads {
        let x = xs.row(r * heads + h, 2 * half)
        let y = y.row(r * heads + h, 2 * half)
        let (x1, x2) = (x[0..<half], x[half..<2 * half])
        let (y1, y2) = (y[0..<half], y[half..<2 * half])
        for i in 0..<half {
          y1[i] = x1[i] * c[i] - sign * x2[i] * s[i]
          y2[i] = x2[i] * c[i] + sign * x1[i] * s[i]
        }
      }
    }
  }
}
