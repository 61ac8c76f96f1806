import Descent
import DescentNN

extension ModelKind where Dataset == LabelledData {
  /// The examples of a model that makes images of classes.
  ///
  /// - Throws: ``RecipeError`` for what is no image, or has no class.
  static func images(of data: LabelledData) throws(RecipeError) -> ClassificationDataset.Split {
    try requireImages(data.shape)
    guard case .classes(let split) = data else {
      throw RecipeError(problems: ["model.kind=\(name) learns images that have classes"])
    }
    return split
  }

  /// The patches of images.
  ///
  /// - Throws: ``RecipeError`` for what is no image, or cannot be cut.
  static func grid(of shape: [Int], patch: Int) throws(RecipeError) -> PatchGrid {
    try requireImages(shape)
    do throws(ModelError) {
      return try PatchGrid(channels: shape[0], height: shape[1], width: shape[2], patch: patch)
    } catch { throw RecipeError(problems: ["model.patch: \(String("\(error)".dropLast()))"]) }
  }

  /// Refuses what is no image: files of images may hold other examples.
  static func requireImages(_ shape: [Int]) throws(RecipeError) {
    guard shape.count != 3 else { return }
    let others = ModelKinds.names(learning: DataForm.table).joined(separator: " or ")
    let numbers = shape.map(String.init).joined(separator: " × ")
    throw RecipeError(problems: [
      "model.kind=\(name) needs images of channels × height × width, but an example here is "
        + "\(numbers) numbers; "
        + (makesImages ? "give files of images" : "set model.kind=\(others)")
    ])
  }
}
