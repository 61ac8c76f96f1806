import FlyingSocks
import Foundation
import Synchronization

/// Answers the requests of a connection, one after another.
struct Connection: Sendable {
  let socket: AsyncSocket
  let pool: any SettlingPool
  let open: OpenConnections
  /// How long the head of a request may take, or a browser may be silent.
  let patience: Duration
  let answer: @Sendable (RequestHead) async -> Answer

  /// How long a browser may take for the next piece of an answer, and to hear of the end.
  private static let (slowest, farewell) = (Duration.seconds(30), Duration.seconds(1))
  private static let piece = 64 << 10

  func run() async {
    var reader = RequestReader()
    do {
      var isLast = false
      while !isLast {
        open.waits(socket.socket)
        let reply: Answer
        do throws(RequestFault) {
          guard let head = try await head(&reader) else { break }
          open.answers(socket.socket)
          isLast = !head.isPersistent
          reply = await answer(head)
        } catch {
          isLast = true
          reply = Answer(error)
        }
        try await send(reply.data(isLast: isLast))
      }
      if isLast { try await end() }
    } catch {
      // The browser has gone.
    }
    // The pool may still be taking its leave of the socket; another one of the same number would
    // never be woken.
    await pool.settle()
    open.close(socket.socket)
  }

  /// The next request; nil where there will be none.
  private func head(_ reader: inout RequestReader) async throws(RequestFault) -> RequestHead? {
    let end = ContinuousClock.now + patience
    while true {
      if let head = try reader.next() { return head }
      let more: [UInt8]?
      do {
        more = try await within(ContinuousClock.now.duration(to: end)) {
          try await socket.read(atMost: 4096)
        }
      } catch { return nil }
      guard let more else {
        if reader.hasBegun { throw .tooSlow }
        return nil
      }
      reader.append(more)
    }
  }

  private func send(_ data: Data) async throws {
    var rest = data
    while !rest.isEmpty {
      let part = rest.prefix(Self.piece)
      let sent: Bool? = try await within(Self.slowest) {
        try await socket.write(part)
        return true
      }
      if sent == nil { throw SocketError.disconnected }
      rest = rest.dropFirst(part.count)
    }
  }

  /// Says that nothing will follow, and hears out what is still being sent: the answer would be lost
  /// if the connection broke off under it.
  private func end() async throws {
    open.waits(socket.socket)
    shutdown(socket.socket.file.rawValue, Int32(SHUT_WR))
    _ = try await within(Self.farewell) {
      var heard = 0
      while heard < 1 << 20 { heard += try await socket.read(atMost: 4096).count }
      return heard
    }
  }
}

/// The value of some work; nil where it takes longer.
private func within<Value: Sendable>(
  _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await work() }
    group.addTask {
      try await Task.sleep(for: limit)
      return nil
    }
    defer { group.cancelAll() }
    return try await group.next() ?? nil
  }
}

/// The connections that are open, and since when those that wait for a request do.
package final class OpenConnections: Sendable {
  private let sockets = Mutex<[Socket: ContinuousClock.Instant?]>([:])

  /// The most at a time: less than half of the files that the process may have open.
  package static var most: Int { min(256, max(4, (sysconf(Int32(_SC_OPEN_MAX)) - 24) / 2)) }

  var count: Int { sockets.withLock { $0.count } }

  func waits(_ socket: Socket) { sockets.withLock { $0[socket] = .some(.now) } }

  func answers(_ socket: Socket) {
    sockets.withLock { _ = $0.updateValue(nil, forKey: socket) }
  }

  func close(_ socket: Socket) {
    sockets.withLock {
      $0[socket] = nil
      try? socket.close()
    }
  }

  /// Ends the one that has waited longest for a request.
  func endOldest() {
    sockets.withLock { sockets in
      let waiting = sockets.compactMap { socket, since in since.map { (socket, $0) } }
      if let oldest = waiting.min(by: { $0.1 < $1.1 }) { Self.end(oldest.0) }
    }
  }

  /// Ends those that wait for a request.
  func endIdle() {
    sockets.withLock { sockets in
      for (socket, since) in sockets where since != nil { Self.end(socket) }
    }
  }

  /// Whoever reads from it learns that it has ended, and closes it.
  private static func end(_ socket: Socket) { shutdown(socket.file.rawValue, Int32(SHUT_RDWR)) }
}

/// Wakes tasks when their sockets can be read or written.
protocol SettlingPool: AsyncSocketPool {
  /// Returns when the pool has done what it was doing.
  func settle() async
}

extension SocketPool: SettlingPool {
  func settle() {}
}
