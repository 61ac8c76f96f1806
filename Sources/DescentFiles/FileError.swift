#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a file that somebody named cannot be read or written.
package enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There is no file at the path.
  case missing(path: String)
  /// The system refused to open or read it, or it is nothing to read from.
  case unreadable(path: String, reason: String)
  /// The system refused to create, write or rename it, or it is nothing to replace; nothing was left
  /// behind.
  case unwritable(path: String, reason: String)

  /// What stands behind the colon of the sentence.
  package var reason: String {
    switch self {
    case .missing: "there is no such file"
    case .unreadable(_, let reason), .unwritable(_, let reason): reason
    }
  }

  /// One plain sentence.
  package var description: String {
    switch self {
    case .missing(let path): "There is no file \(path)."
    case .unreadable("", _), .unwritable("", _): "The name of a file is empty; give one."
    case .unreadable(let path, let reason): "The file \(path) cannot be read: \(reason)."
    case .unwritable(let path, let reason): "The file \(path) cannot be written: \(reason)."
    }
  }
}

/// What the system says about the call that has just failed, as part of a sentence.
func lastSystemError() -> String {
  let text = unsafe String(cString: strerror(errno))
  return text.prefix(1).lowercased() + text.dropFirst()
}

/// What a path leads to.
enum FileKind {
  case file, folder, other

  init(_ mode: mode_t) {
    self =
      switch mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      default: .other
      }
  }

  /// Why it is nothing to read from or to replace; nil for a file.
  var refusal: String? {
    switch self {
    case .file: nil
    case .folder: "it is a folder"
    case .other: "it is a device or a pipe, not a file"
    }
  }
}

/// Why no file can have this name, whatever the system: it would end at the zero byte, or lead to
/// the current folder.
func refusal(ofPath path: String) -> String? {
  if path.isEmpty { return "its name is empty" }
  return path.utf8.contains(0) ? "its name holds a zero byte" : nil
}
