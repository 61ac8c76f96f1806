import FlyingFox
import Foundation

/// Stands between the network and the pages: what may be asked, and what browsers may do with the
/// answer.
struct RequestGuard: Sendable {
  /// Whether only this machine can reach the pages.
  let isLoopback: Bool

  init(host: String) { isLoopback = Self.isLoopback(host) }

  func answer(
    _ request: HTTPRequest, _ pages: @Sendable (PageRequest) async -> PageResponse
  ) async -> HTTPResponse {
    let isHead = request.method == .HEAD
    guard isHead || request.method == .GET else {
      return Self.response(.plain(405, "Pages can only be read.\n"), allow: "GET, HEAD")
    }
    // A page elsewhere whose name leads here, so that the browser lets it read: its own name is in the
    // request.
    if isLoopback, !Self.isLoopback(Self.host(of: request.headers[.host] ?? "")) {
      return Self.response(
        .plain(403, "The runs can only be read at the address of this machine.\n"))
    }
    guard let page = Self.page(request) else {
      return Self.response(.plain(400, "The address cannot be read.\n"))
    }
    return Self.response(await pages(page), isHead: isHead)
  }

  /// The host of a `Host` header, without its port.
  private static func host(of header: String) -> String {
    if header.hasPrefix("[") { return String(header.dropFirst().prefix { $0 != "]" }) }
    return String(header.prefix { $0 != ":" })
  }

  private static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    let isNumber = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    return host.lowercased() == "localhost" || host == "::1" || isNumber && parts.first == "127"
  }

  /// What is asked for; nil where the address is not one.
  private static func page(_ request: HTTPRequest) -> PageRequest? {
    let path = request.target.path()
    let query = request.target.query()
    guard path.hasPrefix("/"), let path = path.removingPercentEncoding, !path.contains("\0"),
      path.utf8.count + query.utf8.count < 64 << 10
    else { return nil }
    var fields: [(name: String, value: String)] = []
    for part in query.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let texts = pair.map { $0.replacing("+", with: " ").removingPercentEncoding }
      guard let name = texts.first ?? nil, let value = texts.count > 1 ? texts[1] : "" else {
        return nil
      }
      fields.append((name, value))
    }
    return PageRequest(path, fields, knownVersion: request.headers[.ifNoneMatch])
  }

  private static func response(
    _ page: PageResponse, isHead: Bool = false, allow: String? = nil
  ) -> HTTPResponse {
    let body = Data(page.body.utf8)
    var headers: HTTPHeaders = [
      .contentType: page.type,
      // Pages show what is now.
      .cacheControl: "no-store",
      HTTPHeader("X-Content-Type-Options"): "nosniff",
      HTTPHeader("Referrer-Policy"): "no-referrer",
      HTTPHeader("Cross-Origin-Resource-Policy"): "same-origin",
      HTTPHeader("Cross-Origin-Opener-Policy"): "same-origin",
      // Nothing comes from elsewhere, and no script stands in a page: names of runs, recipes and
      // samples are texts of others. Figures have styles of their own.
      HTTPHeader("Content-Security-Policy"):
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        + "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        + "frame-ancestors 'none'",
    ]
    if let version = page.version { headers[.eTag] = version }
    if let allow { headers[HTTPHeader("Allow")] = allow }
    if isHead { headers[.contentLength] = "\(body.count)" }
    let status = HTTPStatusCode(page.status, phrase: phrases[page.status] ?? "")
    return HTTPResponse(statusCode: status, headers: headers, body: isHead ? Data() : body)
  }

  private static let phrases = [
    200: "OK", 304: "Not Modified", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed",
  ]
}

extension PageResponse {
  /// A sentence alone.
  static func plain(_ status: Int, _ text: String) -> PageResponse {
    PageResponse(status: status, type: "text/plain; charset=utf-8", body: text)
  }
}
