import ArgumentParser
import DescentFiles
import DescentTokenizers
import DescentTraining
import Foundation

/// `descent tokenize`
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn text into tokens and back with a tokenizer.json, or train one.",
    discussion: """
      Reads lines from standard input and writes for each a JSON array of ids, those that Hugging \
      Face's tokenizers gives it:

        descent tokenize --tokenizer models/llama < text.txt > ids.jsonl
        descent tokenize --tokenizer models/llama --decode < ids.jsonl

      A line's end is no part of its text. In decoded text the ends of lines are written as \\n and \
      \\r, so that each text is one line; with --json-lines every text, read or written, is a JSON \
      string, and nothing is lost. With --whole all of the input is one text.

        descent tokenize --train text.txt --size 8000 --out tokenizer.json

      trains a byte-level BPE like GPT-2's, which the package tokenizers reads as well.
      """)

  @Option(
    help: ArgumentHelp(
      "A tokenizer.json, or the folder of a model that has one.", valueName: "file or folder"),
    completion: .file())
  var tokenizer: String?

  @Flag(help: "Read arrays of ids, write text.")
  var decode = false

  @Flag(
    inversion: .prefixedNo,
    help: "Add the special tokens that the tokenizer puts around a text; when decoding, write them."
  )
  var special: Bool?

  @Flag(help: "Take all of the input as one text.")
  var whole = false

  @Flag(help: "Write the number of tokens instead of the tokens.")
  var count = false

  @Flag(help: "Texts are JSON strings, one a line.")
  var jsonLines = false

  @Option(
    help: ArgumentHelp("Train a tokenizer on this text.", valueName: "file"), completion: .file())
  var train: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("With --train: the tokens of its vocabulary.", valueName: "count"))
  var size: Int?

  @Option(help: ArgumentHelp("With --train: where to write it.", valueName: "file"))
  var out: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "With --train: a special token, such as <|endoftext|>; may be given again.",
      valueName: "token"))
  var specialToken: [String] = []

  func validate() throws {
    if train != nil {
      if tokenizer != nil || decode || whole || count || jsonLines || special != nil {
        throw ValidationError("--train goes with --size, --out and --special-token alone")
      }
      if size == nil || out == nil { throw ValidationError("--train needs --size and --out") }
      return
    }
    if size != nil || out != nil || !specialToken.isEmpty {
      throw ValidationError("--size, --out and --special-token go with --train")
    }
    if tokenizer == nil { throw ValidationError("give --tokenizer, or --train") }
    if decode, whole || count {
      throw ValidationError("--decode does not go with --whole or --count")
    }
    if whole, jsonLines { throw ValidationError("--whole does not go with --json-lines") }
  }

  func run() throws {
    try reportingErrors {
      if let train { return try trainTokenizer(on: train) }
      let tokenizer = try subwords(of: tokenizer ?? "")
      if whole { return try encodeAll(tokenizer) }
      var number = 0
      try StandardInput.forEachLine { line, answer in
        number += 1
        do {
          answer += decode ? try self.text(of: line, tokenizer) : try ids(of: line, tokenizer)
          answer.append(UInt8(ascii: "\n"))
        } catch { throw InputError(line: number, reason: Self.reason(error)) }
      }
    }
  }

  private func subwords(of path: String) throws -> SubwordTokenizer {
    do { return try SubwordTokenizer(path: path) } catch {
      guard let kind = (try? Tokenizer(path: path))?.kind else { throw error }
      throw DataError.unsuitable(
        "\(path) is of a run whose tokens are single \(kind == .byte ? "bytes" : "characters"), and this "
          + "command is for a tokenizer.json of subwords")
    }
  }

  private func trainTokenizer(on path: String) throws {
    let (size, out) = (size ?? 0, out ?? "")
    try OutputPaths.check([("--out", out)], keeping: [("the text", path)])
    let input = try InputFile(path: path)
    let text = try input.bytes(0..<input.count)
    let tokenizer = try SubwordTokenizer.train(
      on: text, size: size, specialTokens: specialToken)
    try OutputFile.write(String(decoding: tokenizer.json, as: UTF8.self), to: out)
    let count = tokenizer.vocabularySize
    output(
      "\(out) has a vocabulary of \(count) tokens"
        + (count < size ? ": the text has no more pairs that occur twice." : "."))
  }

  // MARK: Text to ids

  private func encodeAll(_ tokenizer: SubwordTokenizer) throws {
    var text: [UInt8] = []
    try StandardInput.forEachPiece { text += $0 }
    do {
      StandardOutput.write(String(decoding: try written(text, tokenizer), as: UTF8.self) + "\n")
    } catch { throw InputError(line: nil, reason: Self.reason(error)) }
  }

  private func ids(of line: ArraySlice<UInt8>, _ tokenizer: SubwordTokenizer) throws -> [UInt8] {
    guard jsonLines else { return try written(Array(line), tokenizer) }
    var parser = JSONParser(text: Array(line))
    let text = try parser.string()
    try parser.end()
    return try written(Array(text.utf8), tokenizer)
  }

  private func written(_ text: [UInt8], _ tokenizer: SubwordTokenizer) throws -> [UInt8] {
    let ids = try tokenizer.encode(text, addingSpecialTokens: special ?? true)
    if count { return Array("\(ids.count)".utf8) }
    var result = [UInt8(ascii: "[")]
    result.reserveCapacity(ids.count * 6)
    for (index, id) in ids.enumerated() {
      if index > 0 { result.append(UInt8(ascii: ",")) }
      result += "\(id)".utf8
    }
    result.append(UInt8(ascii: "]"))
    return result
  }

  // MARK: Ids to text

  private func text(of line: ArraySlice<UInt8>, _ tokenizer: SubwordTokenizer) throws -> [UInt8] {
    var parser = JSONParser(text: Array(line))
    var ids: [Int32] = []
    try parser.elements { parser in
      guard case .number(let text) = try parser.value(depth: 1), let id = Int32(text) else {
        throw parser.failure("an id is no whole number")
      }
      ids.append(id)
    }
    try parser.end()
    let text = try tokenizer.decode(ids, skippingSpecialTokens: !(special ?? false))
    if jsonLines { return Array(JSON.quoted(text).utf8) }
    return text.utf8.reduce(into: []) { bytes, byte in
      switch byte {
      case UInt8(ascii: "\n"): bytes += "\\n".utf8
      case UInt8(ascii: "\r"): bytes += "\\r".utf8
      default: bytes.append(byte)
      }
    }
  }

  /// A sentence without its end, to stand behind where it happened.
  private static func reason(_ error: any Error) -> String {
    if case JSONFailure.syntax(let problem, let byte) = error {
      return "\(problem) at byte \(byte + 1)"
    }
    let sentence = "\(error)"
    return sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
  }
}

/// Standard input is not what a command reads.
struct InputError: Error, CustomStringConvertible {
  /// The line, counted from 1; nil for all of it.
  let line: Int?
  let reason: String

  var description: String {
    "Standard input" + (line.map { ", line \($0)" } ?? "") + ": \(reason)."
  }
}
