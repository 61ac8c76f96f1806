import DescentFiles

/// The index of a model whose tensors lie in several safetensors files, its shards: Hugging Face's
/// `model.safetensors.index.json`.
///
///     {"metadata": {"total_size": n}, "weight_map": {tensor: file, ...}}
///
/// Reading it opens every shard and checks its header, and that each tensor is where the index says;
/// no tensor is read.
public struct SafetensorsIndex: Sendable {
  /// Where the index lies.
  public let path: String
  /// The shards, in the order of their first mention.
  public let shards: [SafetensorsFile]
  /// All tensors, shard after shard.
  public var entries: [SafetensorsEntry] { shards.flatMap(\.entries) }

  /// An index is no larger than a header may be.
  private static let limit = SafetensorsHeader.maximumLength
  /// No model has more shards.
  private static let mostShards = 10_000

  /// Reads the index at `path` and the headers of its shards, which lie beside it.
  ///
  /// Throws `.missingFile`, also for a shard, `.unreadable`, `.malformed` and `.malformedIndex`.
  public init(path: String) throws(SafetensorsError) {
    self.path = path
    func malformed(_ problem: String) -> SafetensorsError {
      .malformedIndex(path: path, reason: problem)
    }
    let text: [UInt8]
    do throws(FileError) {
      let file = try InputFile(path: path)
      if file.count > Self.limit {
        throw FileError.unreadable(path: path, reason: "it is too large")
      }
      text = try file.bytes(0..<file.count)
    } catch { throw SafetensorsError(error) }
    let map: [(tensor: String, shard: String)]
    do { map = try Self.weightMap(text) } catch JSONFailure.syntax(let problem, let byte) {
      throw malformed("\(problem), at byte \(byte)")
    } catch JSONFailure.duplicateKey(let key, _, _) {
      throw malformed("the key \(quoted(key)) occurs twice")
    } catch let error as IndexProblem { throw malformed(error.words) } catch {
      throw malformed("\(error)")
    }
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    var files: [String: SafetensorsFile] = [:]
    var order: [SafetensorsFile] = []
    for (_, shard) in map where files[shard] == nil {
      if shard.isEmpty || shard.contains("/") || shard == ".." || shard == "." {
        throw malformed("the shard \(quoted(shard)) is not the name of a file beside it")
      }
      if order.count == Self.mostShards { throw malformed("it names too many shards") }
      let file = try SafetensorsFile(path: path.contains("/") ? folder + "/" + shard : shard)
      files[shard] = file
      order.append(file)
    }
    for (tensor, shard) in map where files[shard]?.contains(tensor) != true {
      throw malformed("\(quoted(tensor)) is not in the shard \(quoted(shard)), as it says")
    }
    let count = order.reduce(0) { $0 + $1.entries.count }
    if count != map.count {
      let known = Set(map.map(\.tensor))
      var seen: Set<String> = []
      for entry in order.flatMap(\.entries) {
        if !known.contains(entry.name) {
          throw malformed("a shard holds \(quoted(entry.name)), which the index does not list")
        }
        if !seen.insert(entry.name).inserted {
          throw malformed("two shards hold \(quoted(entry.name))")
        }
      }
    }
    shards = order
  }

  private struct IndexProblem: Error { let words: String }

  private static func weightMap(_ text: [UInt8]) throws -> [(tensor: String, shard: String)] {
    if text.isEmpty { throw IndexProblem(words: "it is empty") }
    var parser = JSONParser(text: text)
    var map: [(tensor: String, shard: String)]?
    guard parser.begins(with: "{") else { throw IndexProblem(words: "it is not an object") }
    try parser.members(depth: 0) { parser, key in
      guard key == "weight_map" else {
        _ = try parser.value(depth: 1)
        return
      }
      guard parser.begins(with: "{") else {
        throw IndexProblem(words: "“weight_map” is not an object")
      }
      var found: [(tensor: String, shard: String)] = []
      try parser.members(depth: 1) { parser, tensor in
        guard parser.begins(with: "\"") else {
          throw IndexProblem(words: "the file of \(quoted(tensor)) is not a string")
        }
        found.append((tensor, try parser.string()))
      }
      map = found
    }
    try parser.end()
    guard let map else {
      throw IndexProblem(words: "it has no “weight_map”, so it is not the index of a model")
    }
    if map.isEmpty { throw IndexProblem(words: "its “weight_map” is empty") }
    return map
  }
}
