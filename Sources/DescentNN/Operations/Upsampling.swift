internal import DescentCompute

extension Tensor {
  /// Images of shape [batch, channels, height, width], `factor` times as high and as wide: every pixel
  /// becomes a square of equal ones.
  ///
  /// With a convolution behind it, this is the way up that leaves no pattern of a grid, as transposed
  /// convolutions may (Odena, Dumoulin, Olah: Deconvolution and checkerboard artifacts, 2016).
  ///
  /// - Parameter factor: how many pixels a side of the square has.
  public func upsampled2d(_ factor: Int) -> Tensor {
    check(
      rank == 4 && factor > 0,
      "images of shape \(shape) cannot be made \(factor) times as large")
    let (height, width) = (shape[2], shape[3])
    let (images, size, wide) = (shape[0] * shape[1], height * width, width * factor)
    let resultSize = size * factor * factor
    let y = Tensor(uninitialized: [shape[0], shape[1], height * factor, wide])
    let (xs, ys) = (elements, y.freshElements)
    inRows(of: images, resultSize) { range in
      for n in range {
        let (x, y) = (xs.row(n, size), ys.row(n, resultSize))
        for row in 0..<height * factor {
          let (from, to) = (row / factor * width, row * wide)
          for column in 0..<width {
            let value = x[from + column]
            for k in 0..<factor { y[to + column * factor + k] = value }
          }
        }
      }
    }
    return record(y, from: self, in: format) { dy, d in
      // The gradient of a pixel is the sum over its square.
      d.write(to: 0) { dx, adds in
        let dys = dy.elements
        inRows(of: images, resultSize) { range in
          for n in range {
            let (dx, dy) = (dx.row(n, size), dys.row(n, resultSize))
            if !adds { dx.fill(0) }
            for row in 0..<height * factor {
              let (to, from) = (row / factor * width, row * wide)
              for column in 0..<width {
                var sum: Float = 0
                for k in 0..<factor { sum += dy[from + column * factor + k] }
                dx[to + column] += sum
              }
            }
          }
        }
      }
    }
  }
}
