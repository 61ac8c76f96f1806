import Foundation

/// Why the system refused something, in plain words: what Foundation says is meant for a window, and
/// often names a number alone.
public enum SystemReason {
  /// The reason of an error of Foundation or the system, as part of a sentence.
  public static func of(_ error: any Error) -> String {
    var next: NSError? = error as NSError
    // The system's own error lies below Foundation's.
    while let error = next {
      if error.domain == NSPOSIXErrorDomain {
        return of(code: Int32(truncatingIfNeeded: error.code))
      }
      next = error.userInfo[NSUnderlyingErrorKey] as? NSError
    }
    guard let error = error as? CocoaError else { return "the system refused it" }
    return switch error.code {
    case .fileNoSuchFile, .fileReadNoSuchFile: of(code: ENOENT)
    case .fileReadNoPermission, .fileWriteNoPermission: of(code: EACCES)
    case .fileWriteFileExists: of(code: EEXIST)
    case .fileWriteOutOfSpace: of(code: ENOSPC)
    case .fileWriteVolumeReadOnly: of(code: EROFS)
    case .fileReadInvalidFileName, .fileWriteInvalidFileName: of(code: ENAMETOOLONG)
    default: "the system refused it"
    }
  }

  /// The meaning of an `errno`, as part of a sentence.
  public static func of(code: Int32) -> String {
    switch code {
    case EACCES, EPERM: return "permission denied"
    case ENOENT: return "its folder does not exist"
    case EISDIR: return "it is a folder"
    case ENOTDIR: return "a part of its path is not a folder"
    case EFBIG: return "the limit on the size of files (ulimit -f) is reached"
    case ENOSPC: return "no space is left on the disk"
    case ENAMETOOLONG: return "its name or its path is too long"
    case EROFS: return "the disk is read-only"
    default:
      let text = unsafe String(cString: strerror(code))
      return text.prefix(1).lowercased() + text.dropFirst()
    }
  }
}
