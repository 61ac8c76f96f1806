@testable import DescentTraining

extension FuzzTarget {
  /// Texts, and prompts with completions, a line each.
  static let jsonLines = FuzzTarget(name: "json-lines", maximumLength: 1024) {
    [
      #"{"text": "one", "meta": {"a": [1, {"b": null}]}}"# + "\n\n"
        + #"{"text": "two\n\ud83d\ude00"}"# + "\r\n",
      "\u{FEFF}" + #"{"prompt": "Q: \u00e9", "completion": " yes"}"# + "\n"
        + #"{"prompt": "", "completion": ""}"#,
    ].map { Array($0.utf8) }
  } read: { input in
    // Unpacking has a target of its own.
    if input.starts(with: [0x1F, 0x8B]) { return }
    let path = Scratch.write(input, to: "in.jsonl")
    for pack in [true, false] {
      let loading = TextLoading(
        path: path, tokenizer: .kind(.character), validationFraction: 0.5, pack: pack)
      let data = try loading.load()
      precondition(data.training.allSatisfy { Int($0) < data.tokenizer.vocabularySize })
      for part in [TextDataset.Part.training, .validation] {
        guard let windows = try data.documentWindows(context: 8, part: part) else { continue }
        let batch = windows.batch(Array(0..<windows.count))
        precondition(batch.counted == windows.targets && batch.counted > 0)
      }
    }
  }

  /// Files of tokens.
  static let tokenCache = FuzzTarget(name: "token-cache", maximumLength: 1024) {
    let path = Scratch.path("tokens")
    let writer = try TokenCacheWriter(path, vocabulary: 256)
    try writer.append([1, 2, 3])
    var description = TokenCache.Description(fingerprint: "x", tokenizer: .byte)
    description.parts = [.init(tokens: 3, documents: 2, counts: TextCounts())]
    try writer.finish([TextDocument(count: 1), TextDocument(count: 2, prompt: 1)], description)
    return [try DataFile.read(path)]
  } read: { input in
    let path = Scratch.write(input, to: "tokens")
    guard
      case .tokens(let parts, let tokenizer) = try TokenCache(path: path, fingerprint: "x").read(
        vocabulary: 256)
    else { return }
    let size = tokenizer?.vocabularySize ?? 256
    precondition(parts.allSatisfy { $0.tokens.allSatisfy { $0 >= 0 && Int($0) < size } })
  }
}
