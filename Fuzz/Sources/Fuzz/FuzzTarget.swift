/// A reader that must survive whatever it is given.
struct FuzzTarget: Sendable {
  let name: String
  /// The bytes of the longest input.
  let maximumLength: Int
  /// Valid inputs to start from.
  let seeds: @Sendable () throws -> [[UInt8]]
  /// Reads an input. Errors that it throws are answers; a trap is a fault, and so is what contradicts
  /// itself.
  let read: @Sendable ([UInt8]) throws -> Void

  func test(_ input: [UInt8]) {
    do { try read(input) } catch {
      // The sentence must be made for any input.
      precondition(!"\(error)".isEmpty)
    }
  }

  static let all = [
    safetensors, replay, checkpoint, metrics, recipe, schedule, csv, idx, examples,
    exampleFormat, gzip, tokenizer, csvLog, jsonLog, trainerState, events, configuration,
    safetensorsIndex, subwordTokenizer, jsonLines, tokenCache,
  ]
}

extension [UInt8] {
  /// The first bytes as a number, which are removed.
  mutating func takeNumber(bytes: Int) -> Int {
    let number = prefix(bytes).reversed().reduce(0) { $0 << 8 | Int($1) }
    removeFirst(Swift.min(bytes, count))
    return number
  }

  /// As text.
  var text: String { String(decoding: self, as: UTF8.self) }
}
