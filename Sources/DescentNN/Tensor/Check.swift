#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Stops the program with a message when a caller breaks an operation's contract, such as matching
/// shapes.
///
/// Release builds drop the messages of `precondition`, so this prints its own.
@inline(__always)
func check(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fail(message()) }
}

@inline(never)
private func fail(_ message: String) -> Never {
  let bytes = Array("error: \(message)\n".utf8)
  _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  fatalError()
}
