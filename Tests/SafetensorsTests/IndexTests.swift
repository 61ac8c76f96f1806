import Foundation
import Safetensors
import Testing

/// The index of a model in several files, and what is wrong with it.
@Suite("Indices of safetensors") struct IndexTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let header = { (name: String) in
      #"{"\#(name)":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#
    }
    for (file, tensor) in [("one.safetensors", "a"), ("two.safetensors", "b")] {
      _ = try folder.write(safetensors(header: header(tensor), dataCount: 24), to: file)
    }
    _ = try folder.write(
      safetensors(
        header: #"{"c":{"dtype":"F32","shape":[2],"data_offsets":[0,8000]}}"#, dataCount: 8),
      to: "lies.safetensors")
  }

  private func index(_ text: String) throws -> String {
    try folder.write(Array(text.utf8), to: "model.safetensors.index.json")
  }

  @Test("lists the tensors of all shards") func reads() throws {
    let path = try index(
      #"""
      {"metadata": {"total_size": 48, "of": [{"deep": 1}]},
       "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
      """#)
    let index = try SafetensorsIndex(path: path)
    #expect(index.entries.map(\.name) == ["a", "b"])
    #expect(index.entries.map(\.shape) == [[2, 3], [2, 3]])
    #expect(index.shards.count == 2)
  }

  @Test(
    "is refused with its reason",
    arguments: [
      ("", "is empty"), ("[]", "not an object"), ("{}", "no “weight_map”"),
      (#"{"weight_map": []}"#, "not an object"), (#"{"weight_map": {}}"#, "is empty"),
      (#"{"weight_map": {"a": 1}}"#, "not a string"),
      (#"{"weight_map": {"a": "one.safetensors""#, "missing"),
      (#"{"weight_map": {"a": "../one.safetensors"}}"#, "beside it"),
      (#"{"weight_map": {"a": ""}}"#, "beside it"),
      (#"{"weight_map": {"z": "one.safetensors"}}"#, "is not in the shard"),
      (#"{"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}}"#, "twice"),
      (#"{"weight_map": {"a": "absent.safetensors"}}"#, "There is no file"),
      (#"{"weight_map": {"c": "lies.safetensors"}}"#, "needs 8 bytes"),
    ])
  func refuses(_ text: String, _ reason: String) throws {
    let path = try index(text)
    #expect { _ = try SafetensorsIndex(path: path) } throws: { "\($0)".contains(reason) }
  }

  @Test("a shard may hold nothing else") func unlisted() throws {
    let header = #"""
      {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
      "hidden":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
      """#
    _ = try folder.write(safetensors(header: header, dataCount: 8), to: "three.safetensors")
    let path = try index(#"{"weight_map": {"a": "three.safetensors"}}"#)
    #expect { _ = try SafetensorsIndex(path: path) } throws: {
      "\($0)".contains("does not list")
    }
  }
}
