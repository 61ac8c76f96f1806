#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that appears under its path only once it is complete: how everything that somebody names
/// is written.
///
/// It is written under a temporary name in the same folder and renamed by ``commit()``; without
/// that, whatever the reason, the temporary file is removed; what a process that was killed left behind
/// goes when the same file is written again. What was there is replaced, and only if
/// it is a file that may be written: folders, devices and pipes are refused, a link stays and what it
/// leads to is replaced, and permissions stay what they were.
package struct OutputFile: ~Copyable {
  /// The path as it was given.
  private let path: String
  /// Where it leads.
  private let target: String
  private let temporaryPath: String
  /// How the paths of other temporary files for the same target begin.
  private let abandoned: String
  private let descriptor: Int32
  private var isCommitted: Bool

  /// Begins a file at `path`.
  ///
  /// - Throws: ``FileError/unwritable(path:reason:)``.
  package init(path: String) throws(FileError) {
    let target: Target
    do throws(Refusal) {
      target = try Target(path)
    } catch { throw .unwritable(path: path, reason: error.reason) }
    let (folder, name) = Self.split(target.path)
    // Names may have 255 bytes.
    var start = String.UnicodeScalarView()
    start.append(contentsOf: name.unicodeScalars.prefix(50))
    var (temporaryPath, descriptor, isMine) = ("", Int32(-1), false)
    while !isMine {
      let number = String(UInt64.random(in: 0 ... .max), radix: 36)
      let suffix = String(repeating: "0", count: Self.digits - number.count) + number
      temporaryPath = "\(folder)/.\(String(start)).\(suffix)\(Self.ending)"
      let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
      descriptor = unsafe open(temporaryPath, flags, 0o666)
      if descriptor < 0 { throw .unwritable(path: path, reason: lastSystemError()) }
      // The lock says that somebody is at work. Who tidies up may have come before it.
      var status = stat()
      isMine =
        flock(descriptor, LOCK_EX) != 0
        || (unsafe fstat(descriptor, &status) == 0 && status.st_nlink > 0)
      if !isMine { close(descriptor) }
    }
    abandoned = "\(folder)/.\(String(start))."
    if let permissions = target.permissions { fchmod(descriptor, permissions) }
    (self.path, self.target, self.temporaryPath) = (path, target.path, temporaryPath)
    (self.descriptor, isCommitted) = (descriptor, false)
  }

  /// Writes all of `bytes` from byte `offset` of the file on.
  ///
  /// - Throws: ``FileError/unwritable(path:reason:)``.
  package func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
    var written = 0
    while written < bytes.byteCount {
      // Some systems refuse more than 2 GB at once.
      let count = min(bytes.byteCount - written, 1 << 30)
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe pwrite(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, count,
          off_t(offset + written))
      }
      if result < 0 && errno == EINTR { continue }
      if result < 0 { throw .unwritable(path: path, reason: lastSystemError()) }
      written += result
    }
  }

  /// Waits until what was written is on the disk.
  ///
  /// - Throws: ``FileError/unwritable(path:reason:)``.
  package func synchronize() throws(FileError) {
    if fsync(descriptor) != 0 { throw .unwritable(path: path, reason: lastSystemError()) }
  }

  /// Makes the file durable and gives it its name, replacing what was there.
  ///
  /// - Throws: ``FileError/unwritable(path:reason:)``.
  package mutating func commit() throws(FileError) {
    try synchronize()
    if unsafe rename(temporaryPath, target) != 0 {
      throw .unwritable(path: path, reason: lastSystemError())
    }
    isCommitted = true
    Self.removeAbandoned(beginning: abandoned)
    // The new name itself is durable once its folder is; not every file system can say.
    let folder = unsafe open(Self.split(target).folder, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  deinit {
    close(descriptor)
    if !isCommitted { unsafe unlink(temporaryPath) }
  }

  /// Writes a text to the file at `path`: all of it, or nothing.
  ///
  /// - Throws: ``FileError/unwritable(path:reason:)``.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try write(Array(text.utf8), to: path)
  }

  /// The same for bytes.
  package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    var file = try OutputFile(path: path)
    try file.write(unsafe bytes.span.bytes, at: 0)
    try file.commit()
  }

  /// Whether a file could be written at `path` now. Nothing there changes, and nothing is left.
  ///
  /// - Throws: ``FileError/unwritable(path:reason:)``.
  package static func check(_ path: String) throws(FileError) { _ = try OutputFile(path: path) }

  // MARK: What killed processes left

  private static let ending = ".tmp"
  /// Those of a temporary name, to the base 36.
  private static let digits = 13

  /// Removes temporary files that no process is writing: those whose lock is free.
  private static func removeAbandoned(beginning start: String) {
    let (folder, prefix) = split(start)
    guard let directory = unsafe opendir(folder) else { return }
    defer { unsafe closedir(directory) }
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix(prefix), name.hasSuffix(ending) else { continue }
      let suffix = name.dropFirst(prefix.count).dropLast(ending.count)
      guard suffix.count == digits, UInt64(suffix, radix: 36) != nil else { continue }
      let path = "\(folder)/\(name)"
      let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      if descriptor < 0 { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unsafe unlink(path) }
      close(descriptor)
    }
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let folder = slash == path.startIndex ? "/" : String(path[..<slash])
    return (folder, String(path[path.index(after: slash)...]))
  }

  // MARK: What is there

  private struct Refusal: Error { let reason: String }

  /// Where a path leads, and what may be there.
  private struct Target {
    let path: String
    /// Those of the file that is there, if one is.
    let permissions: mode_t?

    init(_ path: String) throws(Refusal) {
      if let reason = refusal(ofPath: path) { throw Refusal(reason: reason) }
      if path.last == "/" { throw Refusal(reason: "its name ends in “/”, as a folder's does") }
      var status = stat()
      guard unsafe stat(path, &status) == 0 else {
        // ENOENT is a new file, or a link to one.
        if errno != ENOENT { throw Refusal(reason: lastSystemError()) }
        (self.path, permissions) = (try Self.followed(path), nil)
        return
      }
      if let reason = FileKind(status.st_mode).refusal { throw Refusal(reason: reason) }
      // Whoever may write the folder may rename over a file that must not be written.
      let probe = unsafe open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
      if probe < 0 { throw Refusal(reason: lastSystemError()) }
      close(probe)
      (self.path, permissions) = (try Self.followed(path), status.st_mode & 0o7777)
    }

    /// The end of a chain of links.
    private static func followed(_ path: String) throws(Refusal) -> String {
      var path = path
      for _ in 0..<40 {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else {
          return path
        }
        let room = 4096
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
          count = unsafe buffer.withMemoryRebound(to: CChar.self) {
            unsafe max(0, $0.baseAddress.map { unsafe readlink(path, $0, room) } ?? 0)
          }
        }
        let next = String(decoding: bytes, as: UTF8.self)
        if next.isEmpty || bytes.count == room {
          throw Refusal(reason: "its link cannot be followed")
        }
        path = next.hasPrefix("/") ? next : OutputFile.split(path).folder + "/" + next
      }
      throw Refusal(reason: "its links lead in a circle")
    }
  }
}
