internal import DescentCompute

/// The sizes of a two-dimensional pooling of images [batch, channels, height, width].
private struct PoolingShape {
  let images: Int
  let height: Int
  let width: Int
  let size: Int
  let stride: Int
  let padding: Int
  let outHeight: Int
  let outWidth: Int

  init(_ x: Tensor, _ size: Int, _ stride: Int?, _ padding: Int) {
    check(
      x.rank == 4 && size > 0 && (stride ?? size) > 0 && padding >= 0 && 2 * padding <= size
        && x.shape[2] + 2 * padding >= size && x.shape[3] + 2 * padding >= size,
      "a pooling of size \(size) with padding \(padding) cannot be applied to images of shape "
        + "\(x.shape)")
    images = x.shape[0] * x.shape[1]
    (height, width) = (x.shape[2], x.shape[3])
    (self.size, self.stride, self.padding) = (size, stride ?? size, padding)
    outHeight = (height + 2 * padding - size) / self.stride + 1
    outWidth = (width + 2 * padding - size) / self.stride + 1
  }

  var imageSize: Int { height * width }
  var resultSize: Int { outHeight * outWidth }

  /// Calls `body` with the index of every pixel of a result and the rows and columns of its window
  /// that lie within the image.
  @inline(__always)
  func forEachWindow(_ body: (_ index: Int, _ rows: Range<Int>, _ columns: Range<Int>) -> Void) {
    for oy in 0..<outHeight {
      let top = oy * stride - padding
      for ox in 0..<outWidth {
        let left = ox * stride - padding
        body(
          oy * outWidth + ox, max(0, top)..<min(height, top + size),
          max(0, left)..<min(width, left + size))
      }
    }
  }

  /// Whether windows are two by two pixels side by side.
  var isByTwo: Bool { size == 2 && stride == 2 && padding == 0 }

  /// Writes the largest elements of an image's windows.
  func largest(_ x: View<Float>, into y: MutableView<Float>) {
    if isByTwo { return Kernels.maxPoolByTwo(x, height: height, width: width, y) }
    forEachWindow { index, rows, columns in y[index] = x[placeOfLargest(x, rows, columns)] }
  }

  /// Gives the gradient of every window to its first largest element, in the place of what is there or
  /// added to it.
  func spread(
    _ dy: View<Float>, toLargestOf x: View<Float>, into dx: MutableView<Float>, adds: Bool
  ) {
    if isByTwo {
      if !adds && (height % 2 != 0 || width % 2 != 0) { dx.fill(0) }
      return Kernels.maxPoolByTwoBackward(x, height: height, width: width, dy, adds: adds, dx)
    }
    if !adds { dx.fill(0) }
    forEachWindow { index, rows, columns in dx[placeOfLargest(x, rows, columns)] += dy[index] }
  }

  /// The index of the first largest element of a window; a NaN counts as the largest.
  @inline(__always)
  func placeOfLargest(_ x: View<Float>, _ rows: Range<Int>, _ columns: Range<Int>) -> Int {
    var best = rows.lowerBound * width + columns.lowerBound
    for row in rows {
      for i in row * width + columns.lowerBound..<row * width + columns.upperBound
      where x[i] > x[best] || (x[i].isNaN && !x[best].isNaN) {
        best = i
      }
    }
    return best
  }
}

extension Tensor {
  /// The largest element of every window of images of shape [batch, channels, height, width]; the
  /// gradient goes to the first of equal ones.
  ///
  /// - Parameters:
  ///   - size: The height and width of a window.
  ///   - stride: The step of the windows; `size` by default. A rest at the edges is left out.
  ///   - padding: How far windows reach over the edges, at most half of `size`.
  public func maxPool2d(_ size: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
    let s = PoolingShape(self, size, stride, padding)
    let y = Tensor(uninitialized: [shape[0], shape[1], s.outHeight, s.outWidth])
    let (xs, ys) = (elements, y.freshElements)
    inRows(of: s.images, s.imageSize) { range in
      for n in range {
        s.largest(xs.row(n, s.imageSize), into: ys.row(n, s.resultSize))
      }
    }
    return record(y, from: self, in: format) { [x = kept] dy, d in
      d.write(to: 0) { dx, adds in
        let (xs, dys) = (x.elements, dy.elements)
        inRows(of: s.images, s.imageSize) { range in
          for n in range {
            s.spread(
              dys.row(n, s.resultSize), toLargestOf: xs.row(n, s.imageSize),
              into: dx.row(n, s.imageSize), adds: adds)
          }
        }
      }
    }
  }

  /// The mean of every window of images of shape [batch, channels, height, width].
  ///
  /// - Parameters:
  ///   - size: The height and width of a window.
  ///   - stride: The step of the windows; `size` by default. A rest at the edges is left out.
  ///   - padding: How far windows reach over the edges, where zeros are counted; at most half of
  ///     `size`.
  public func averagePool2d(_ size: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
    let s = PoolingShape(self, size, stride, padding)
    let y = Tensor(uninitialized: [shape[0], shape[1], s.outHeight, s.outWidth])
    let (xs, ys) = (elements, y.freshElements)
    let share = 1 / Float(size * size)
    inRows(of: s.images, s.imageSize) { range in
      for n in range {
        let (x, y) = (xs.row(n, s.imageSize), ys.row(n, s.resultSize))
        s.forEachWindow { index, rows, columns in
          var sum: Float = 0
          for row in rows {
            for column in columns { sum += x[row * s.width + column] }
          }
          y[index] = sum * share
        }
      }
    }
    return record(y, from: self, in: format) { dy, d in
      d.write(to: 0) { dx, adds in
        let dys = dy.elements
        inRows(of: s.images, s.imageSize) { range in
          for n in range {
            let (dx, dy) = (dx.row(n, s.imageSize), dys.row(n, s.resultSize))
            if !adds { dx.fill(0) }
            s.forEachWindow { index, rows, columns in
              for row in rows {
                for column in columns { dx[row * s.width + column] += dy[index] * share }
              }
            }
          }
        }
      }
    }
  }
}
