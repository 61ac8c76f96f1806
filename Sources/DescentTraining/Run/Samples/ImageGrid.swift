import DescentNN

/// Images side by side in one picture.
package struct ImageGrid {
  private let width: Int
  private let height: Int
  private var pixels: [UInt8]

  /// Images of shape [count, channels, height, width], their channels averaged, row by row with a line
  /// between them.
  ///
  /// - Parameters:
  ///   - columns: how many are in a row.
  ///   - black: the value that is black.
  ///   - white: the value that is white; others are cut off.
  package init(_ images: Tensor, columns: Int, black: Float, white: Float) {
    let shape = images.shape
    let (count, channels, h, w) = (shape[0], shape[1], shape[2], shape[3])
    let rows = (count + columns - 1) / columns
    (width, height) = (columns * (w + 1) - 1, rows * (h + 1) - 1)
    pixels = [UInt8](repeating: Self.line, count: width * height)
    let values = images.scalars
    for i in 0..<count {
      let (top, left) = (i / columns * (h + 1), i % columns * (w + 1))
      for p in 0..<h * w {
        let sum = (0..<channels).reduce(Float(0)) { $0 + values[(i * channels + $1) * h * w + p] }
        let grey = 255 * (sum / Float(channels) - black) / (white - black)
        // What is no number is black.
        pixels[(top + p / w) * width + left + p % w] = UInt8(
          grey.isNaN ? 0 : min(max(grey, 0), 255).rounded())
      }
    }
  }

  /// The grey of the lines between images.
  private static let line: UInt8 = 128

  /// The picture as a sample.
  package func image(_ label: String) -> TrainingSample.Image {
    TrainingSample.Image(
      label: label, width: width, height: height, pixels: pixels, isMade: true)
  }
}
