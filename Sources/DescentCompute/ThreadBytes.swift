internal import CDescentKernels

/// A count of bytes that each thread has of its own: what it took, less what it gave back.
package enum ThreadBytes {
  /// Those of the calling thread; below 0 where it gave back what others took.
  package static var current: Int { descent_bytes() }
  /// The largest value of ``current`` since the thread began or the last ``resetPeak()``.
  package static var peak: Int { descent_bytes_peak() }
  /// Starts a new measurement of ``peak``.
  package static func resetPeak() { descent_bytes_reset_peak() }
  /// Adds what the calling thread takes, or gives back.
  package static func add(_ bytes: Int) { descent_bytes_add(bytes) }
}
