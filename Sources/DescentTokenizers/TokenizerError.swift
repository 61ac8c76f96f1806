/// Why a tokenizer cannot be read, or cannot do what it is asked.
public enum TokenizerError: Error, Equatable, Sendable {
  /// There is no file at the path, or no `tokenizer.json` in the folder.
  case missingFile(path: String)
  /// The system refused to read the file.
  case unreadable(path: String, reason: String)
  /// The file holds no tokenizer that Descent can read; `problem` says what is wrong with it.
  case malformed(path: String, problem: String)
  /// The number is no token: it lies outside the vocabulary, or in one of its gaps.
  case unknownID(Int32, vocabularySize: Int)
  /// The text cannot be written in tokens; `problem` says why.
  case unencodable(String)
  /// No tokenizer can be trained as asked; `problem` says why.
  case untrainable(String)
}

extension TokenizerError: CustomStringConvertible {
  /// One plain sentence.
  public var description: String {
    switch self {
    case .missingFile(let path): "There is no file \(path)."
    case .unreadable(let path, let reason): "The file \(path) cannot be read: \(reason)."
    case .malformed(let path, let problem):
      "The file \(path) holds no tokenizer that can be read: \(problem)."
    case .unknownID(let id, let size) where id < 0 || id >= size:
      "The token \(id) is not in the vocabulary, whose tokens go from 0 to \(size - 1)."
    case .unknownID(let id, _): "The vocabulary has a gap at \(id): there is no such token."
    case .unencodable(let problem): "The text cannot be written in tokens: \(problem)."
    case .untrainable(let problem): "No tokenizer can be trained: \(problem)."
    }
  }
}

/// What is wrong with a file, before anybody has said which file it is: a part of a sentence.
package struct Defect: Error, Equatable {
  let problem: String

  init(_ problem: String) { self.problem = problem }

  /// `name` is not among those that are known.
  init(unknown what: String, _ name: String, known: [String]) {
    self.init("its \(what) “\(name)” is unknown; known are \(known.joined(separator: ", "))")
  }
}
