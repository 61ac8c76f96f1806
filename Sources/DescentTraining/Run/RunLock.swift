import Foundation

/// The right to work in a folder, to train a run or to race, which one process has at a time.
///
/// The system gives it up with the process, however that ends; the file says whose it is.
package final class RunLock {
  private let file: URL
  private let descriptor: Int32

  /// Takes the lock of a run.
  ///
  /// - Throws: ``RunError/locked(_:by:)`` when another process has it.
  convenience init(_ run: RunDirectory) throws(RunError) { try self.init(folder: run.url) }

  /// Takes the lock of a folder.
  ///
  /// - Throws: ``RunError/locked(_:by:)`` when another process has it.
  package init(folder: URL) throws(RunError) {
    file = folder.appendingPathComponent(".lock")
    while true {
      let opened = unsafe open(file.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      guard opened >= 0 else {
        throw .cannotWrite(file.relativePath, SystemReason.of(code: errno))
      }
      guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
        // Some file systems have no locks, and a run there is as safe as it was without.
        if errno != EWOULDBLOCK {
          descriptor = opened
          return
        }
        let holder = try? String(contentsOf: file, encoding: .utf8)
        close(opened)
        throw .locked(
          folder.relativePath, by: holder.flatMap { $0.isEmpty ? nil : $0 } ?? "another process")
      }
      // Whoever had it may have removed the file in between: then the lock is that of no file.
      var (mine, there) = (stat(), stat())
      if unsafe fstat(opened, &mine) == 0, unsafe stat(file.path, &there) == 0,
        mine.st_ino == there.st_ino
      {
        descriptor = opened
        break
      }
      close(opened)
    }
    let host = ProcessInfo.processInfo.hostName
    let text = "process \(getpid()) on \(host)"
    ftruncate(descriptor, 0)
    _ = unsafe pwrite(descriptor, text, text.utf8.count, 0)
  }

  deinit {
    unsafe unlink(file.path)
    close(descriptor)
  }
}
