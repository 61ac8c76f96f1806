import Safetensors

extension FuzzTarget {
  /// The reader of an index of several safetensors files. An input is the length of the index in two
  /// bytes, the index, and the shard `a.safetensors` as ``Framed`` has it; `b.safetensors` is a valid
  /// one. What is read lists each tensor of its shards once.
  static let safetensorsIndex = FuzzTarget(name: "safetensorsIndex", maximumLength: 4096) {
    let shard = try Framed.inputs([tensor("a")])
    let valid = #"{"metadata": {"total_size": 8}, "weight_map": {"a": "a.safetensors"}}"#
    let two = #"{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}"#
    var seeds: [[UInt8]] = []
    for index in [valid, two, #"{"weight_map": {}}"#, "{}"] {
      let text = Array(index.utf8)
      let length = [UInt8(text.count % 256), UInt8(text.count / 256)]
      for file in shard { seeds.append(length + text + file) }
    }
    return seeds
  } read: { input in
    var rest = input
    let count = rest.takeNumber(bytes: 2)
    let index = Array(rest.prefix(count))
    Scratch.write(Framed.file(Array(rest.dropFirst(count))), to: "a.safetensors")
    try SafetensorsFile.write([tensor("b")], to: Scratch.path("b.safetensors"))
    let model = try SafetensorsIndex(path: Scratch.write(index, to: "model.safetensors.index.json"))
    precondition(!model.shards.isEmpty && !model.entries.isEmpty)
    precondition(Set(model.entries.map(\.name)).count == model.entries.count)
  }

  private static func tensor(_ name: String) -> SafetensorsTensor {
    SafetensorsTensor(name, shape: [2, 1], floats: [1, 2])
  }
}
