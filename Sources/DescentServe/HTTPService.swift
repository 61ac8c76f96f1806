import FlyingSocks
import Foundation
import Synchronization

/// A request, as far as pages look at it.
public struct PageRequest: Sendable {
  /// The path, without percent encoding.
  public var path: String
  /// What follows the question mark, in its order.
  public var query: [(name: String, value: String)]
  /// The version of the page that the browser has.
  public var knownVersion: String?

  /// A request.
  public init(
    _ path: String, _ query: [(name: String, value: String)] = [], knownVersion: String? = nil
  ) {
    (self.path, self.query, self.knownVersion) = (path, query, knownVersion)
  }

  /// The first value of a name; nil where there is none.
  subscript(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// All values of a name.
  func all(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }
}

/// What is answered.
public struct PageResponse: Sendable {
  /// The HTTP status.
  public var status: Int
  /// The type of the body.
  public var type: String
  /// The body.
  public var body: String
  /// What tells this version of the page from others; nil for a page that does not change.
  public var version: String?

  /// An answer.
  public init(
    status: Int = 200, type: String = "text/html; charset=utf-8", body: String = "",
    version: String? = nil
  ) {
    (self.status, self.type, self.body, self.version) = (status, type, body, version)
  }
}

/// Serves pages to browsers on this machine.
///
/// The only asynchronous part of the package: an actor answers one request after another with
/// synchronous code.
public final class HTTPService: Sendable {
  /// Where it can be reached.
  public let address: String
  /// The port that it has.
  public let port: Int
  /// Why it has ended although nobody stopped it; nil while it goes on.
  public var failure: ServiceError? { fault.withLock { $0 } }

  private let listener: AsyncSocket
  /// The number of the socket that listens, for tests that take it away.
  package var descriptor: Int32 { listener.socket.file.rawValue }
  private let pool: any SettlingPool
  private let open = OpenConnections()
  private let fault = Mutex<ServiceError?>(nil)
  /// What waits for connections, and what wakes tasks.
  private let tasks = Mutex<(accepts: Task<Void, Never>?, wakes: Task<Void, Never>?)>((nil, nil))

  /// Starts to serve.
  ///
  /// - Parameters:
  ///   - host: `127.0.0.1` or another address of this machine.
  ///   - ports: the first one that is free is taken; 0 is any.
  ///   - patience: how long a request may take to arrive.
  ///   - answer: what makes the pages.
  /// - Throws: ``ServiceError``.
  public static func start(
    host: String, ports: [Int], patience: Duration = .seconds(10),
    _ answer: @escaping @Sendable (PageRequest) async -> PageResponse
  ) async throws(ServiceError) -> HTTPService {
    var last = ServiceError.portInUse(ports.first ?? 0)
    for port in ports {
      do throws(ServiceError) {
        let service = try await HTTPService(host, port)
        let guardian = RequestGuard(host: host)
        service.run(patience) { request in await guardian.answer(request, answer) }
        return service
      } catch {
        guard case .portInUse = error else { throw error }
        last = error
      }
    }
    throw last
  }

  private init(_ host: String, _ port: Int) async throws(ServiceError) {
    guard let number = UInt16(exactly: port) else { throw .notAPort(port) }
    // What the system says of a text that is no address is of no use.
    let old = try? sockaddr_in.inet(ip4: host, port: number)
    let new = try? sockaddr_in6.inet6(ip6: host, port: number)
    do {
      let socket: Socket
      if let old {
        socket = try Self.listen(old)
      } else if let new {
        socket = try Self.listen(new)
      } else {
        throw ServiceError.notAnAddress(host)
      }
      pool = Self.makePool()
      try await pool.prepare()
      listener = try AsyncSocket(socket: socket, pool: pool)
      self.port =
        switch try socket.sockname() {
        case .ip4(_, let port), .ip6(_, let port): Int(port)
        case .unix: port
        }
    } catch SocketError.failed(_, let code, let message) {
      switch code {
      case EADDRINUSE: throw .portInUse(port)
      case EADDRNOTAVAIL: throw .notAnAddress(host)
      default: throw .refused(host, port, message)
      }
    } catch { throw .notAnAddress(host) }
    let shown = host == "0.0.0.0" || host == "::" ? "localhost" : host
    address = "http://\(shown.contains(":") ? "[\(shown)]" : shown):\(self.port)/"
  }

  private static func makePool() -> any SettlingPool {
    #if canImport(Darwin)
    let pool: SocketPool<kQueue> = .kQueue()
    #else
    let pool: SocketPool<ePoll> = .ePoll()
    #endif
    return pool
  }

  private static func listen(_ address: some SocketAddress) throws -> Socket {
    let socket = try Socket(domain: Int32(address.family), type: .stream)
    do {
      try socket.setValue(true, for: .localAddressReuse)
      #if canImport(Darwin)
      try socket.setValue(true, for: .noSIGPIPE)
      #endif
      try socket.bind(to: address)
    } catch {
      try? socket.close()
      throw error
    }
    try socket.listen()
    return socket
  }

  private func run(
    _ patience: Duration, _ answer: @escaping @Sendable (RequestHead) async -> Answer
  ) {
    let wakes = Task(executorPreference: QueueExecutor.answers) { await self.wake() }
    let accepts = Task(executorPreference: QueueExecutor.answers) {
      await self.accept(patience, answer)
    }
    tasks.withLock { $0 = (accepts, wakes) }
  }

  /// Wakes tasks whose sockets can be read or written again.
  private func wake() async {
    do { try await pool.run() } catch {
      if !Task.isCancelled { fail("\(error.localizedDescription)") }
    }
  }

  /// Takes connections, each with a task of its own.
  private func accept(
    _ patience: Duration, _ answer: @escaping @Sendable (RequestHead) async -> Answer
  ) async {
    while !Task.isCancelled, failure == nil {
      do {
        guard open.count < OpenConnections.most else {
          open.endOldest()
          try await Task.sleep(for: .milliseconds(1))
          continue
        }
        let socket = try await listener.accept()
        let connection = Connection(
          socket: socket, pool: pool, open: open, patience: patience, answer: answer)
        open.waits(socket.socket)
        Task(executorPreference: QueueExecutor.answers) { await connection.run() }
      } catch SocketError.failed(_, let code, _) where code != EINVAL && code != ENOTSOCK {
        // Too many open files, or a browser that gave up: another one can be accepted later.
        open.endOldest()
        try? await Task.sleep(for: .milliseconds(100))
      } catch {
        if !Task.isCancelled { fail("no more connections come in") }
      }
    }
    await pool.settle()
    try? listener.close()
  }

  private func fail(_ reason: String) {
    fault.withLock { $0 = $0 ?? .ended(port, reason) }
  }

  /// Whether only this machine can reach what is served at an address.
  public static func isLoopback(_ host: String) -> Bool { RequestGuard(host: host).isLoopback }

  /// Ends it, after what is being answered or a fifth of a second.
  public func stop() async {
    let (accepts, wakes) = tasks.withLock { $0 }
    accepts?.cancel()
    await accepts?.value
    let end = ContinuousClock.now + .milliseconds(200)
    repeat {
      open.endIdle()
      try? await Task.sleep(for: .milliseconds(5))
    } while open.count > 0 && .now < end
    wakes?.cancel()
  }
}

/// Why pages cannot be served.
public enum ServiceError: Error, Equatable, CustomStringConvertible {
  /// Another process listens there.
  case portInUse(Int)
  /// Ports are numbers from 0 to 65535.
  case notAPort(Int)
  /// It is not an address of this machine.
  case notAnAddress(String)
  /// The system says why not.
  case refused(String, Int, String)
  /// It was served, until something went wrong.
  case ended(Int, String)

  /// One plain sentence.
  public var description: String {
    switch self {
    case .portInUse(let port):
      "port \(port) is in use; give another one with --port, or none to take the next that is free"
    case .notAPort(let port): "a port is a number from 0 to 65535, and \(port) is not one"
    case .notAnAddress(let host):
      "\(host) is not an address of this machine; give 127.0.0.1, or 0.0.0.0 for all of them"
    case .refused(let host, let port, let reason):
      "nothing can be served on port \(port) of \(host): \(reason)"
    case .ended(let port, let reason):
      "nothing is served on port \(port) any more: \(reason); start it again"
    }
  }
}
