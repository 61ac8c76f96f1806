import FlyingFox
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
  private let server: HTTPServer
  private let task: Task<Void, Never>

  /// Starts to serve.
  ///
  /// - Parameters:
  ///   - host: `127.0.0.1` or another address of this machine.
  ///   - ports: the first one that is free is taken; 0 is any.
  ///   - answer: what makes the pages.
  /// - Throws: ``ServiceError``.
  public static func start(
    host: String, ports: [Int],
    _ answer: @escaping @Sendable (PageRequest) async -> PageResponse
  ) async throws(ServiceError) -> HTTPService {
    var last = ServiceError.portInUse(ports.first ?? 0)
    for port in ports {
      do throws(ServiceError) {
        return try await start(host, port, answer)
      } catch {
        guard case .portInUse = error else { throw error }
        last = error
      }
    }
    throw last
  }

  private static func start(
    _ host: String, _ port: Int, _ answer: @escaping @Sendable (PageRequest) async -> PageResponse
  ) async throws(ServiceError) -> HTTPService {
    guard let number = UInt16(exactly: port) else { throw .notAPort(port) }
    let guardian = RequestGuard(host: host)
    let handler = ClosureHTTPHandler { request in await guardian.answer(request, answer) }
    let server: HTTPServer
    do {
      server =
        host.contains(":")
        ? HTTPServer(
          address: try .inet6(ip6: host, port: number), timeout: 120, logger: .disabled,
          handler: handler)
        : HTTPServer(
          address: try .inet(ip4: host, port: number), timeout: 120, logger: .disabled,
          handler: handler)
    } catch { throw .notAnAddress(host) }
    let failure = Failure()
    let task = Task {
      do { try await server.run() } catch { failure.set(error) }
    }
    while !failure.isSet {
      switch await server.listeningAddress {
      case .ip4(_, let port), .ip6(_, let port):
        return HTTPService(host, Int(port), server, task)
      default: try? await Task.sleep(for: .milliseconds(2))
      }
    }
    throw failure.reason(host, port)
  }

  private init(_ host: String, _ port: Int, _ server: HTTPServer, _ task: Task<Void, Never>) {
    (self.port, self.server, self.task) = (port, server, task)
    let shown = host == "0.0.0.0" || host == "::" ? "localhost" : host
    address = "http://\(shown.contains(":") ? "[\(shown)]" : shown):\(port)/"
  }

  /// Whether only this machine can reach what is served at an address.
  public static func isLoopback(_ host: String) -> Bool { RequestGuard(host: host).isLoopback }

  /// Ends it, after what is being answered or a fifth of a second.
  public func stop() async {
    await server.stop(timeout: 0.2)
    task.cancel()
  }

  /// Why the server could not begin.
  private final class Failure: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    func set(_ error: any Error) { self.error.withLock { $0 = error } }
    var isSet: Bool { error.withLock { $0 != nil } }

    func reason(_ host: String, _ port: Int) -> ServiceError {
      guard case .failed(_, let code, let message) = error.withLock({ $0 }) as? SocketError else {
        return .refused(host, port, "the system gave no reason")
      }
      switch code {
      case EADDRINUSE: return .portInUse(port)
      case EADDRNOTAVAIL: return .notAnAddress(host)
      default: return .refused(host, port, message)
      }
    }
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
    }
  }
}
