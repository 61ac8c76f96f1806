import DescentNN
import Foundation
import Safetensors

extension RunDirectory {
  /// `initial.safetensors`: the weights before the first step, where instruments measure from them.
  var initialWeights: URL { url.appendingPathComponent("initial.safetensors") }

  /// Keeps the weights before the first step.
  func writeInitialWeights(of model: any Module) throws {
    var snapshot = CheckpointSnapshot(in: SnapshotMemory())
    snapshot.add(.weights(of: model))
    try CheckpointFile(snapshot, step: 0, to: initialWeights).commit()
  }

  /// The weights before the first step.
  ///
  /// - Returns: nil where they were not kept, or are not those of these parameters.
  func initialWeights(of parameters: [Parameter]) -> [Tensor]? {
    guard let file = try? SafetensorsFile(path: initialWeights.path) else { return nil }
    let tensors = parameters.compactMap { parameter -> Tensor? in
      guard file.contains(parameter.name), let entry = try? file.entry(parameter.name),
        entry.shape == parameter.value.shape, let values = try? file.floats(of: parameter.name)
      else { return nil }
      return Tensor(shape: entry.shape, scalars: values)
    }
    return tensors.count == parameters.count ? tensors : nil
  }
}
