public import DescentCompute

/// Square patches of an image, without overlap.
///
/// A patch lies as a convolution's weight does: channel by channel, row by row.
public struct PatchGrid: Sendable, Equatable {
  /// The channels of an image.
  public let channels: Int
  /// The height of an image.
  public let height: Int
  /// The width of an image.
  public let width: Int
  /// The side of a patch.
  public let patch: Int

  /// A grid that covers images.
  ///
  /// - Throws: `ModelError` when a size is below 1, or the patch does not divide height and width.
  public init(channels: Int, height: Int, width: Int, patch: Int) throws(ModelError) {
    try ModelError.requirePositive([
      ("channels", channels), ("height", height), ("width", width), ("patch", patch),
    ])
    guard height % patch == 0 && width % patch == 0 else {
      throw .indivisibleImage(height: height, width: width, patch: patch)
    }
    (self.channels, self.height, self.width, self.patch) = (channels, height, width, patch)
  }

  /// How many patches an image has.
  public var count: Int { height / patch * (width / patch) }
  /// The numbers in a patch.
  public var size: Int { channels * patch * patch }

  /// x of shape [batch, channels, height, width] → [batch, count, size].
  public func patches(of x: Tensor) -> Tensor {
    check(
      x.rank == 4 && Array(x.shape.dropFirst()) == [channels, height, width],
      "patches of \(channels) × \(height) × \(width) cannot be cut from images of shape \(x.shape)")
    let (rows, columns) = (height / patch, width / patch)
    return x.reshaped([x.shape[0], channels, rows, patch, columns, patch])
      .permuted([0, 2, 4, 1, 3, 5]).reshaped([x.shape[0], count, size])
  }

  /// x of shape [batch, count, size] → [batch, channels, height, width].
  public func image(of x: Tensor) -> Tensor {
    let (rows, columns) = (height / patch, width / patch)
    return x.reshaped([x.shape[0], rows, columns, channels, patch, patch])
      .permuted([0, 3, 1, 4, 2, 5]).reshaped([x.shape[0], channels, height, width])
  }
}

/// The vectors of an image's patches: a linear map of each, and a learned vector for its place.
public final class PatchEmbedding: Module {
  /// How images are cut.
  public let grid: PatchGrid
  /// The map of a patch to its vector.
  public let project: Linear
  /// The vectors of the places.
  public let positions: Embedding

  /// An embedding in vectors of `width`; the map begins as in PyTorch, the places are drawn from
  /// N(0, 0.02²).
  public init(_ grid: PatchGrid, width: Int, random: inout RandomStream) {
    self.grid = grid
    project = Linear(inputs: grid.size, outputs: width, random: &random)
    positions = Embedding(rows: grid.count, width: width, deviation: 0.02, random: &random)
  }

  /// The map and the places.
  public var members: [Member] { [.module("proj", project), .module("wpe", positions)] }

  /// x of shape [batch, channels, height, width] → [batch, patches, width].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    project(grid.patches(of: x), context) + context.use(positions.weight)
  }
}
