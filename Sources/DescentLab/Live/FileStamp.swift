import Foundation

/// What tells one state of a file or a folder from another, without reading it.
struct FileStamp: Equatable, Sendable {
  let isFolder: Bool
  let size: Int
  let number: UInt64
  /// When it was changed last, in nanoseconds since 1970.
  let time: Int

  /// That of what lies at a path; nil where nothing does, and for links and what is neither a file nor
  /// a folder.
  init?(_ path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return nil }
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFREG || kind == S_IFDIR else { return nil }
    isFolder = kind == S_IFDIR
    (size, number) = (Int(status.st_size), UInt64(truncatingIfNeeded: status.st_ino))
    #if canImport(Darwin)
    let time = status.st_mtimespec
    #else
    let time = status.st_mtim
    #endif
    self.time = Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
  }

  var date: Date { Date(timeIntervalSince1970: Double(time) / 1e9) }
}
