import Foundation

/// What is wrong with data that were to be loaded.
///
/// `isMissingFile` tells a file that is not there from one whose content is wrong.
public enum DataError: Error, Equatable, Sendable {
  /// A file or folder does not exist; `advice` says what to do, or is empty.
  case missingFile(path: String, advice: String = "")
  /// The system refused to read the file, or a helper program could not unpack it.
  case unreadable(path: String, reason: String)
  /// The content of a file is not what its format asks for.
  case malformed(path: String, location: Location? = nil, expected: String, found: String)
  /// The data are well formed, but do not suit what is asked of them.
  case unsuitable(String)

  /// Where in a text file, counted from 1.
  public struct Location: Equatable, Sendable {
    /// The line.
    public let line: Int
    /// The column: the number of the cell in its row.
    public let column: Int?

    /// A line, and a cell in it if the fault lies in one.
    public init(line: Int, column: Int? = nil) {
      self.line = line
      self.column = column
    }
  }

  /// Whether a file does not exist, rather than holding bad data.
  public var isMissingFile: Bool {
    if case .missingFile = self { true } else { false }
  }
}

extension DataError: CustomStringConvertible {
  /// One plain sentence, on one line whatever the names in it.
  public var description: String { sentence.onOneLine }

  private var sentence: String {
    switch self {
    case .missingFile(let path, let advice):
      "there is no file \(path)\(advice.isEmpty ? "" : "; \(advice)")."
    case .unreadable(let path, let reason):
      "the file \(path) cannot be read: \(reason)."
    case .malformed(let path, let location, let expected, let found):
      "\(path)\(location.map { ", \($0)" } ?? ""): expected \(expected), found \(found)."
    case .unsuitable(let problem):
      "\(problem)."
    }
  }
}

extension DataError.Location: CustomStringConvertible {
  /// For example “line 3, column 2”.
  public var description: String {
    "line \(line)" + (column.map { ", column \($0)" } ?? "")
  }
}

extension String {
  /// The text with the ends of its lines made visible.
  package var onOneLine: String {
    unicodeScalars.contains { CharacterSet.newlines.contains($0) }
      ? unicodeScalars.map {
        CharacterSet.newlines.contains($0) ? $0.escaped(asASCII: true) : String($0)
      }.joined() : self
  }
}
