import Foundation

/// Stands between the network and the pages: what may be asked, and what browsers may do with the
/// answer.
struct RequestGuard: Sendable {
  /// Whether only this machine can reach the pages.
  let isLoopback: Bool

  init(host: String) { isLoopback = Self.isLoopback(host) }

  /// The answer to a request.
  func answer(
    _ request: RequestHead, _ pages: @Sendable (PageRequest) async -> PageResponse
  ) async -> Answer {
    let isHead = request.method == "HEAD"
    guard isHead || request.method == "GET" else {
      return Answer(.plain(405, "Pages can only be read.\n"), allow: "GET, HEAD")
    }
    // A page elsewhere whose name leads here, so that the browser lets it read: its own name is in the
    // request.
    if isLoopback, !Self.isLoopback(Self.host(of: request["host"] ?? "")) {
      return Answer(.plain(403, "The runs can only be read at the address of this machine.\n"))
    }
    guard let page = Self.page(request) else {
      return Answer(.plain(400, "The address cannot be read.\n"))
    }
    return Answer(await pages(page), isHead: isHead)
  }

  /// The host of a `Host` field, without its port.
  private static func host(of field: String) -> String {
    if field.hasPrefix("[") { return String(field.dropFirst().prefix { $0 != "]" }) }
    return String(field.prefix { $0 != ":" })
  }

  private static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    let isNumber = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    return host.lowercased() == "localhost" || host == "::1" || isNumber && parts.first == "127"
  }

  /// What is asked for; nil where the address is not one.
  private static func page(_ request: RequestHead) -> PageRequest? {
    let target = request.target.prefix { $0 != "#" }
    let (path, query) = (target.prefix { $0 != "?" }, target.drop { $0 != "?" }.dropFirst())
    guard path.hasPrefix("/"), let path = path.removingPercentEncoding, !path.contains("\0") else {
      return nil
    }
    var fields: [(name: String, value: String)] = []
    for part in query.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let texts = pair.map { $0.replacing("+", with: " ").removingPercentEncoding }
      guard let name = texts.first ?? nil, let value = texts.count > 1 ? texts[1] : "" else {
        return nil
      }
      fields.append((name, value))
    }
    return PageRequest(path, fields, knownVersion: request["if-none-match"])
  }
}

/// An answer as it is sent.
struct Answer: Sendable {
  private let status: Int
  private var fields: [(name: String, value: String)]
  private let body: Data

  init(_ page: PageResponse, isHead: Bool = false, allow: String? = nil) {
    status = page.status
    let body = Data(page.body.utf8)
    self.body = isHead ? Data() : body
    fields = [
      ("Content-Type", page.type), ("Content-Length", "\(body.count)"),
      // Pages show what is now.
      ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
      ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
      ("Cross-Origin-Opener-Policy", "same-origin"),
      // Nothing comes from elsewhere, and no script stands in a page: names of runs, recipes and
      // samples are texts of others. Figures have styles of their own.
      (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
          + "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
          + "frame-ancestors 'none'"
      ),
    ]
    // Without a body, whose length would be that of the page.
    if status == 304 { fields.removeAll { $0.name.hasPrefix("Content-") } }
    if let version = page.version { fields.append(("ETag", version)) }
    if let allow { fields.append(("Allow", allow)) }
  }

  init(_ fault: RequestFault) { self.init(.plain(fault.status, fault.sentence + "\n")) }

  /// Its bytes; `isLast` tells that the connection ends with it.
  func data(isLast: Bool) -> Data {
    var head = "HTTP/1.1 \(status) \(Self.phrases[status] ?? "")\r\n"
    for field in fields + [("Connection", isLast ? "close" : "keep-alive")] {
      head += "\(field.name): \(field.value)\r\n"
    }
    return Data((head + "\r\n").utf8) + body
  }

  private static let phrases = [
    200: "OK", 304: "Not Modified", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 414: "URI Too Long",
    431: "Request Header Fields Too Large", 505: "HTTP Version Not Supported",
  ]
}

extension PageResponse {
  /// A sentence alone.
  static func plain(_ status: Int, _ text: String) -> PageResponse {
    PageResponse(status: status, type: "text/plain; charset=utf-8", body: text)
  }
}
