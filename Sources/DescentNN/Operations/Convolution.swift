internal import DescentCompute

/// Images with rows of zeros above and below, and columns of zeros beside.
private struct Frame {
  let channels: Int
  let height: Int
  let width: Int
  let above: Int
  let beside: Int

  var rowLength: Int { width + 2 * beside }
  var channelSize: Int { (height + 2 * above) * rowLength }
  var size: Int { channels * channelSize }

  /// Calls `body` with copies of images in their frames, or with the images where these are empty.
  func framing(_ images: View<Float>, _ body: (View<Float>) -> Void) {
    if above == 0 && beside == 0 { return body(images) }
    let planes = images.count / max(1, height * width)
    let framed = Tensor(uninitialized: [planes, channelSize])
    Kernels.frame(
      images, height: height, width: width, above: above, beside: beside, framed.freshElements)
    body(framed.elements)
  }

  /// The patches that a kernel sees in some channels on its way over rows and columns.
  func table(
    channels: Int, rows: Int, columns: Int, stride: Int, kernel: (Int, Int), dilation: Int
  ) -> PatchTable {
    var (places, steps): ([Int32], [Int32]) = ([], [])
    places.reserveCapacity(rows * columns)
    steps.reserveCapacity(channels * kernel.0 * kernel.1)
    for y in 0..<rows {
      for x in 0..<columns { places.append(Int32(y * stride * rowLength + x * stride)) }
    }
    for c in 0..<channels {
      for y in 0..<kernel.0 {
        for x in 0..<kernel.1 {
          steps.append(Int32(c * channelSize + y * dilation * rowLength + x * dilation))
        }
      }
    }
    return PatchTable(places: places, steps: steps)
  }
}

/// The sizes of a two-dimensional convolution.
private struct ConvolutionShape {
  let batch: Int
  let channels: Int
  let height: Int
  let width: Int
  let outputs: Int
  let kernelHeight: Int
  let kernelWidth: Int
  let stride: Int
  let padding: Int
  let dilation: Int
  let groups: Int
  let outHeight: Int
  let outWidth: Int

  init(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, stride: Int, padding: Int, dilation: Int,
    groups: Int
  ) {
    check(
      x.rank == 4 && weight.rank == 4 && groups > 0 && stride > 0 && dilation > 0 && padding >= 0
        && x.shape[1] == weight.shape[1] * groups && weight.shape[0] % groups == 0
        && (bias == nil || bias!.shape == [weight.shape[0]]),
      "a convolution with \(groups) groups cannot apply a weight of shape \(weight.shape) to "
        + "images of shape \(x.shape)")
    (batch, channels, height, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    outputs = weight.shape[0]
    (kernelHeight, kernelWidth) = (weight.shape[2], weight.shape[3])
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
    outHeight = (height + 2 * padding - dilation * (kernelHeight - 1) - 1) / stride + 1
    outWidth = (width + 2 * padding - dilation * (kernelWidth - 1) - 1) / stride + 1
    check(
      height + 2 * padding > dilation * (kernelHeight - 1)
        && width + 2 * padding > dilation * (kernelWidth - 1),
      "a kernel of shape \(weight.shape) is larger than images of shape \(x.shape)")
  }

  /// The pixels of a result.
  var positions: Int { outHeight * outWidth }
  /// The elements that make one pixel of a result.
  var patch: Int { channels / groups * kernelHeight * kernelWidth }
  var imageSize: Int { channels * height * width }
  var groupSize: Int { imageSize / groups }
  var resultSize: Int { outputs * positions }
  var groupOutputs: Int { outputs / groups }

  /// The images with the zeros that the kernels reach into.
  var padded: Frame {
    Frame(channels: channels, height: height, width: width, above: padding, beside: padding)
  }

  /// The results with as many zeros around as make the derivative a convolution of theirs; nil where
  /// pixels were left out, or zeros stood that no kernel needs.
  var paddedResults: Frame? {
    let (above, beside) = (
      dilation * (kernelHeight - 1) - padding, dilation * (kernelWidth - 1) - padding
    )
    guard stride == 1 && above >= 0 && beside >= 0 else { return nil }
    return Frame(
      channels: outputs, height: outHeight, width: outWidth, above: above, beside: beside)
  }

  /// Images in at most 16 blocks, each the work of one task.
  func forEachBlock(_ body: (_ block: Int, _ images: Range<Int>) -> Void) {
    let size = (batch + blocks - 1) / max(1, blocks)
    inParallel(blocks) { b in body(b, b * size..<min(batch, (b + 1) * size)) }
  }

  /// How many blocks there are.
  var blocks: Int {
    let size = max(1, (batch + 15) / 16)
    return (batch + size - 1) / size
  }

  /// Where the patches of a group lie in its padded image.
  var patches: PatchTable {
    padded.table(
      channels: channels / groups, rows: outHeight, columns: outWidth, stride: stride,
      kernel: (kernelHeight, kernelWidth), dilation: dilation)
  }

  /// Where what depends on a pixel of a group lies in its padded results.
  func dependents(in frame: Frame) -> PatchTable {
    frame.table(
      channels: groupOutputs, rows: height, columns: width, stride: 1,
      kernel: (kernelHeight, kernelWidth), dilation: dilation)
  }

  /// The kernels of a group turned by half a circle, with [outputs, height, width] as rows and the inputs
  /// as columns.
  func turned(_ w: View<Float>, _ group: Int) -> Tensor {
    let (inputs, size) = (channels / groups, kernelHeight * kernelWidth)
    let turned = Tensor(uninitialized: [groupOutputs * size, inputs])
    let (ws, ts) = (w.row(group, groupOutputs * patch), turned.freshElements)
    for o in 0..<groupOutputs {
      for c in 0..<inputs {
        let kernel = ws.row(o * inputs + c, size)
        for i in 0..<size { ts[(o * size + size - 1 - i) * inputs + c] = kernel[i] }
      }
    }
    return turned
  }

  /// The kernels of a group, one a row.
  func kernels(_ w: View<Float>, _ group: Int) -> MatrixView<Float> {
    w.row(group, groupOutputs * patch).matrix(groupOutputs, patch)
  }

  /// What a group gives for image `n`, one output channel a row.
  func results(_ y: View<Float>, _ n: Int, _ group: Int) -> MatrixView<Float> {
    y.row(n * groups + group, groupOutputs * positions).matrix(groupOutputs, positions)
  }

  /// The outputs whose kernel element at `offset` lies within a line of `size` pixels.
  @inline(__always)
  func inside(_ offset: Int, _ size: Int, _ outputs: Int) -> Range<Int> {
    let shift = offset * dilation - padding
    let first = shift >= 0 ? 0 : (-shift + stride - 1) / stride
    let end = size - shift <= 0 ? 0 : (size - shift - 1) / stride + 1
    return min(first, outputs)..<max(min(first, outputs), min(end, outputs))
  }

  /// The patches of an image's group as columns: [patch, positions].
  func gather(_ image: View<Float>, into columns: MutableView<Float>) {
    forEachRow { c, ky, kx, row in
      let (ys, xs) = (inside(ky, height, outHeight), inside(kx, width, outWidth))
      for oy in 0..<outHeight {
        let to = columns.from((row * outHeight + oy) * outWidth)[0..<outWidth]
        if !ys.contains(oy) {
          to.fill(0)
          continue
        }
        let from = image.row(
          c * height + oy * stride + ky * dilation - padding, width)
        let shift = kx * dilation - padding
        for ox in 0..<xs.lowerBound { to[ox] = 0 }
        if stride == 1 {
          for ox in xs { to[ox] = from[ox + shift] }
        } else {
          for ox in xs { to[ox] = from[ox * stride + shift] }
        }
        for ox in xs.upperBound..<outWidth { to[ox] = 0 }
      }
    }
  }

  /// Adds the columns to the pixels that they came from.
  func scatter(_ columns: View<Float>, into image: MutableView<Float>) {
    forEachRow { c, ky, kx, row in
      let (ys, xs) = (inside(ky, height, outHeight), inside(kx, width, outWidth))
      for oy in ys {
        let from = columns.from((row * outHeight + oy) * outWidth)[0..<outWidth]
        let to = image.row(c * height + oy * stride + ky * dilation - padding, width)
        let shift = kx * dilation - padding
        if stride == 1 {
          for ox in xs { to[ox + shift] += from[ox] }
        } else {
          for ox in xs { to[ox * stride + shift] += from[ox] }
        }
      }
    }
  }

  /// dx as a convolution of dy, in its frame, with the turned kernels.
  func convolveBack(
    _ dy: View<Float>, _ w: View<Float>, _ frame: Frame, into dx: MutableView<Float>, adds: Bool
  ) {
    let dependents = dependents(in: frame)
    let kernels = (0..<groups).map { turned(w, $0) }
    forEachBlock { _, images in
      let from = images.lowerBound * resultSize
      frame.framing(dy[from..<images.upperBound * resultSize]) { framed in
        for g in 0..<groups {
          MatrixProduct.multiplySerial(
            Patches(
              framed.from(g * frame.size / groups), count: images.count, stride: frame.size,
              dependents),
            kernels[g].elements.matrix(dependents.steps.count, channels / groups),
            beta: adds ? 1 : 0, into: dx.from(images.lowerBound * imageSize + g * groupSize),
            stride: imageSize, transposed: true)
        }
      }
    }
  }

  /// dx from the gradients of the patches, wᵀ·dy.
  func scatterBack(
    _ dy: View<Float>, _ w: View<Float>, into dx: MutableView<Float>, adds: Bool
  ) {
    inParallel(batch) { n in
      let columns = Tensor(uninitialized: [patch, positions])
      for g in 0..<groups {
        let dx = dx.row(n * groups + g, groupSize)
        MatrixProduct.multiplySerial(
          kernels(w, g).transposed, results(dy, n, g),
          into: columns.freshElements.matrix(patch, positions))
        if !adds { dx.fill(0) }
        scatter(columns.elements, into: dx)
      }
    }
  }

  /// dw = dy·patches, summed over the images of a block, and over the blocks.
  func correlate(
    _ x: View<Float>, _ dy: View<Float>, into dw: MutableView<Float>, adds: Bool
  ) {
    let (frame, numbers) = (padded, patches.transposed)
    let sums = Tensor(uninitialized: [blocks, dw.count])
    let (allSums, size) = (sums.freshElements, groupOutputs * patch)
    forEachBlock { b, images in
      let from = images.lowerBound * imageSize
      frame.framing(x[from..<images.upperBound * imageSize]) { framed in
        for n in images {
          for g in 0..<groups {
            let start = (n - images.lowerBound) * frame.size + g * frame.size / groups
            MatrixProduct.multiplySerial(
              Patches(framed.from(start), count: 1, stride: 0, numbers),
              results(dy, n, g).transposed, beta: n == images.lowerBound ? 0 : 1,
              into: allSums.row(b * groups + g, size))
          }
        }
      }
    }
    let total = Tensor(uninitialized: [dw.count])
    combineRows(
      allSums.reading, rows: blocks, columns: dw.count, into: total.freshElements, adds: false)
    for g in 0..<groups {
      let (from, to) = (total.elements.row(g, size), dw.row(g, size))
      for o in 0..<groupOutputs {
        for p in 0..<patch {
          to[o * patch + p] = (adds ? to[o * patch + p] : 0) + from[p * groupOutputs + o]
        }
      }
    }
  }

  @inline(__always)
  private func forEachRow(_ body: (_ c: Int, _ ky: Int, _ kx: Int, _ row: Int) -> Void) {
    var row = 0
    for c in 0..<channels / groups {
      for ky in 0..<kernelHeight {
        for kx in 0..<kernelWidth {
          body(c, ky, kx, row)
          row += 1
        }
      }
    }
  }
}

extension Tensor {
  /// A two-dimensional convolution (cross-correlation, as everywhere in deep learning).
  ///
  /// ```
  /// y[o, i, j] = b[o] + Σ w[o, c, k, l] · x[c, i·stride + k·dilation − padding, j·… + l·… − …]
  /// ```
  ///
  /// - Parameters:
  ///   - weight: w, of shape [outputs, inputs / groups, height, width].
  ///   - bias: b, of shape [outputs], or nil for none.
  ///   - stride: The step of the kernel.
  ///   - padding: The zeros around the image.
  ///   - dilation: The distance of the kernel's elements.
  ///   - groups: The groups of channels that do not mix.
  /// - Returns: A tensor of shape [batch, outputs, ..., ...]; this one has shape [batch, inputs,
  ///   height, width].
  public func conv2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1
  ) -> Tensor {
    let format = Autocast.format(of: self, weight, bias)
    if self.format != format || weight.format != format || (bias?.format ?? format) != format {
      return cast(to: format).conv2d(
        weight.cast(to: format), bias?.cast(to: format), stride: stride, padding: padding,
        dilation: dilation, groups: groups)
    }
    let s = ConvolutionShape(
      self, weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    let y = Tensor(uninitialized: [s.batch, s.outputs, s.outHeight, s.outWidth])
    let (xs, ws, bs, ys) = (elements, weight.elements, bias?.elements, y.freshElements)
    let (frame, patches) = (s.padded, s.patches)
    s.forEachBlock { _, images in
      if let bs {
        for n in images {
          let y = ys.row(n, s.resultSize)
          for o in 0..<s.outputs { y.row(o, s.positions).fill(bs[o]) }
        }
      }
      let from = images.lowerBound * s.imageSize
      frame.framing(xs[from..<images.upperBound * s.imageSize]) { framed in
        for g in 0..<groups {
          MatrixProduct.multiplySerial(
            Patches(
              framed.from(g * frame.size / groups), count: images.count, stride: frame.size, patches
            ),
            s.kernels(ws, g).transposed, beta: bs == nil ? 0 : 1,
            into: ys.from(images.lowerBound * s.resultSize + g * s.groupOutputs * s.positions),
            stride: s.resultSize, transposed: true)
        }
      }
    }
    let operands = bias.map { [self, weight, $0] } ?? [self, weight]
    return recorded(y, from: operands, in: format) {
      [x = kept(for: weight), w = weight.kept(for: self), hasBias = bias != nil] dy, d in
      let dys = dy.elements
      if let ws = w?.elements {
        d.write(to: 0) { dx, adds in
          if let frame = s.paddedResults {
            s.convolveBack(dys, ws, frame, into: dx, adds: adds)
          } else {
            s.scatterBack(dys, ws, into: dx, adds: adds)
          }
        }
      }
      if let xs = x?.elements {
        d.write(to: 1) { dw, adds in s.correlate(xs, dys, into: dw, adds: adds) }
      }
      if hasBias {
        d.add(to: 2, dy.reduced(over: [0, 2, 3]))
      }
    }
  }
}

/// What a convolution sees and sends back, as sums of outer products: K-FAC's statistics.
extension Tensor {
  /// Σ p·pᵀ over all positions of all images, p the patch of a position, with a 1 as its last element
  /// where asked; the images have shape [batch, channels, height, width]. One group only.
  func patchProducts(
    _ weight: Tensor, stride: Int, padding: Int, dilation: Int, withOne: Bool
  ) -> (products: Tensor, positions: Int) {
    let s = ConvolutionShape(
      self, weight, nil, stride: stride, padding: padding, dilation: dilation, groups: 1)
    let (images, size) = (elements, s.patch + (withOne ? 1 : 0))
    let products = Tensor.sumOfProducts(s.batch, size, s.positions) { n, columns in
      s.gather(images.row(n, s.imageSize), into: columns[0..<s.patch * s.positions])
      if withOne { columns.row(s.patch, s.positions).fill(1) }
    }
    return (products, s.positions)
  }

  /// Σ d·dᵀ over all positions of all images, d the channels of a position.
  func channelProducts() -> Tensor {
    let (channels, positions) = (shape[1], shape[2] * shape[3])
    let images = elements
    return Tensor.sumOfProducts(shape[0], channels, positions) { n, columns in
      columns.copy(images.row(n, channels * positions))
    }
  }

  /// Σₙ Cₙ·Cₙᵀ, with C [rows, columns] of image n made by `fill`; in at most 16 blocks of images.
  private static func sumOfProducts(
    _ batch: Int, _ rows: Int, _ columns: Int, _ fill: (Int, MutableView<Float>) -> Void
  ) -> Tensor {
    let size = Swift.max(1, (batch + 15) / 16)
    let blocks = (batch + size - 1) / size
    let sums = Tensor(uninitialized: [blocks, rows * rows])
    let allSums = sums.freshElements
    inParallel(blocks) { b in
      let buffer = Tensor(uninitialized: [rows, columns])
      let images = b * size..<Swift.min(batch, (b + 1) * size)
      for n in images {
        fill(n, buffer.freshElements)
        let matrix = buffer.elements.matrix(rows, columns)
        MatrixProduct.multiplySerial(
          matrix, matrix.transposed, beta: n == images.lowerBound ? 0 : 1,
          into: allSums.row(b, rows * rows).matrix(rows, rows))
      }
    }
    let total = Tensor(uninitialized: [rows, rows])
    combineRows(
      allSums.reading, rows: blocks, columns: rows * rows, into: total.freshElements, adds: false)
    return total
  }
}
