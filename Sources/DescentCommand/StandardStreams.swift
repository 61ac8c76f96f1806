import Foundation
import Synchronization

/// Standard output, which may be closed, full, or a pipe that nobody reads any more: such a failure
/// is remembered here, and what follows is not written.
enum StandardOutput {
  /// Why nothing can be written any more.
  enum Failure: Equatable, CustomStringConvertible {
    /// Whoever read the pipe has seen enough.
    case closedPipe
    /// What the system says.
    case refused(String)

    init(_ code: Int32) {
      self = code == EPIPE ? .closedPipe : .refused(unsafe String(cString: strerror(code)))
    }

    /// One plain sentence.
    var description: String {
      switch self {
      case .closedPipe: "nobody reads standard output any more"
      case .refused(let reason): "standard output cannot be written: \(reason)"
      }
    }
  }

  private static let code = Atomic<Int32>(0)
  private static let isAccompaniment = Atomic<Bool>(false)

  /// Why nothing can be written any more; nil while everything was written.
  static var failure: Failure? {
    let code = code.load(ordering: .relaxed)
    return code == 0 ? nil : Failure(code)
  }

  /// What is printed only accompanies the work, which must be ended with care: a failure does not end
  /// the process, and whoever works has to look for one.
  static func onlyAccompaniesWork() { isAccompaniment.store(true, ordering: .relaxed) }

  /// Writes a text at once.
  static func write(_ text: String) { write(Array(text.utf8)) }

  /// Writes bytes at once.
  static func write(_ bytes: [UInt8]) {
    guard failure == nil else { return }
    let failed = writeAll(bytes, to: STDOUT_FILENO)
    guard failed != 0 else { return }
    code.store(failed, ordering: .relaxed)
    if !isAccompaniment.load(ordering: .relaxed) { endAfterFailure() }
  }

  /// Ends the process if something could not be written: as any filter where the reader of a pipe is
  /// gone, with a sentence otherwise.
  static func endAfterFailure() {
    switch failure {
    case nil: return
    case .closedPipe:
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      // Where whoever started the process has the signal blocked.
      exit(128 + SIGPIPE)
    case let failure?:
      writeError("Error: \(failure)")
      exit(ExitStatus.internalError)
    }
  }
}

/// Writes a line to standard error. What comes from a file and would move the cursor is made visible.
func writeError(_ line: String) {
  let shown = line.unicodeScalars.map { scalar in
    let isControl = scalar.properties.generalCategory == .control && scalar != "\n"
    return isControl ? scalar.escaped(asASCII: true) : String(scalar)
  }
  // Nobody is left to be told of a failure.
  _ = writeAll(Array((shown.joined() + "\n").utf8), to: STDERR_FILENO)
}

/// Prepares the standard streams for whatever the process was started with.
func prepareStandardStreams() {
  // A write to a pipe without a reader is an error like any other.
  signal(SIGPIPE, SIG_IGN)
  // So is one to a file that may not become longer.
  signal(SIGXFSZ, SIG_IGN)
  // The next file to be opened would take the place of a stream that is closed, and what is printed
  // would go there. Opened the wrong way round, it stays a stream that cannot be used.
  for (stream, flags) in [
    (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY),
  ] where fcntl(stream, F_GETFD) == -1 {
    _ = unsafe open("/dev/null", flags)
  }
}

/// Writes all bytes. Returns 0, or the code of what failed.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
  var written = 0
  while written < bytes.count {
    let count = unsafe bytes.withUnsafeBytes { buffer in
      unsafe write(
        descriptor, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
    }
    if count > 0 {
      written += count
      continue
    }
    switch count == 0 ? EIO : errno {
    case EINTR: continue
    case EAGAIN:
      // Whoever shares the stream has made it one that does not wait.
      var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = unsafe Foundation.poll(&poll, 1, -1)
    case let code: return code
    }
  }
  return 0
}
