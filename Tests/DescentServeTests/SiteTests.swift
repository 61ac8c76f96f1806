import DescentLab
import DescentServe
import Foundation
import Testing

/// A server on a free port with a few runs, asked through a socket.
private final class Server {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("serve-\(UUID().uuidString)")
  let service: HTTPService

  init() async throws {
    signal(SIGPIPE, SIG_IGN)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try "top secret".write(
      to: folder.appendingPathComponent("secret.txt"), atomically: true, encoding: .utf8)
    let runs = folder.appendingPathComponent("runs")
    for (name, optimizer, loss) in [("a", "adamw", 1.5), ("b", "lion", 2.5), ("<i>&", "sgd", 3.5)] {
      let run = runs.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      try "steps: 4\noptimizer:\n  name: \(optimizer)\n".write(
        to: run.appendingPathComponent("recipe.yaml"), atomically: true, encoding: .utf8)
      try (1...4).map { "{\"step\": \($0), \"loss\": \(loss / Double($0)), \"lr\": 0.1}\n" }
        .joined()
        .write(
          to: run.appendingPathComponent("metrics.jsonl"), atomically: false, encoding: .utf8)
    }
    try FileManager.default.createSymbolicLink(
      at: runs.appendingPathComponent("out"), withDestinationURL: folder)
    let site = try Site(folder: runs.path)
    service = try await HTTPService.start(host: "127.0.0.1", ports: [0]) { await site.answer($0) }
  }

  deinit {
    let service = service
    Task { await service.stop() }
    try? FileManager.default.removeItem(at: folder)
  }

  /// What is answered to a request as it is.
  func ask(raw text: String) async -> (status: Int, head: String, body: String) {
    await DescentServeTests.ask(text, port: service.port)
  }

  func get(
    _ target: String, method: String = "GET", host: String = "localhost", headers: String = ""
  ) async -> (status: Int, head: String, body: String) {
    await ask(
      raw: "\(method) \(target) HTTP/1.1\r\nHost: \(host):\(service.port)\r\n\(headers)"
        + "Connection: close\r\n\r\n")
  }
}

private func ask(_ text: String, port: Int) async -> (status: Int, head: String, body: String) {
  // Tasks of the server run on the threads that tests do: none of them may wait.
  let answer = await withCheckedContinuation { done in
    Thread.detachNewThread { done.resume(returning: exchange(text, port: port)) }
  }
  let parts = answer.components(separatedBy: "\r\n\r\n")
  let status = parts[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  return (status, parts[0], parts.dropFirst().joined(separator: "\r\n\r\n"))
}

/// A socket that is connected to a port of this machine.
private func connection(to port: Int) -> Int32 {
  #if canImport(Darwin)
  let kind = SOCK_STREAM
  #else
  let kind = Int32(SOCK_STREAM.rawValue)
  #endif
  let descriptor = socket(AF_INET, kind, 0)
  var limit = timeval(tv_sec: 10, tv_usec: 0)
  unsafe setsockopt(
    descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(UInt16(port).bigEndian)
  address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
  let size = socklen_t(MemoryLayout<sockaddr_in>.size)
  _ = unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe connect(descriptor, $0, size)
    }
  }
  return descriptor
}

/// Sends a text to a port of this machine; what comes back until the connection is closed.
private func exchange(_ text: String, port: Int) -> String {
  let descriptor = connection(to: port)
  defer { close(descriptor) }
  let bytes = Array(text.utf8)
  _ = unsafe write(descriptor, bytes, bytes.count)
  var (answer, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 65_536))
  while true {
    let count = unsafe read(descriptor, &buffer, buffer.count)
    guard count > 0 else { break }
    answer += buffer[..<count]
  }
  return String(decoding: answer, as: UTF8.self)
}

@Suite("Pages over HTTP") struct SiteTests {
  private let server: Server
  init() async throws { server = try await Server() }

  @Test("the list shows, finds and sorts runs, and escapes their names") func list() async {
    let page = await server.get("/")
    #expect(page.status == 200)
    #expect(page.body.contains("3 runs, none running now."))
    #expect(page.body.contains("&lt;i&gt;&amp;") && !page.body.contains("<i>"))
    #expect(page.head.contains("default-src 'none'") && page.head.contains("no-store"))
    let found = await server.get("/?q=optimizer.name:lion").body
    #expect(found.contains("1 of 3 runs") && !found.contains("data-key=\"a\""))
    let best = await server.get("/?sort=best_val_loss&reverse=1").body
    for field in [("sort", "best_val_loss"), ("reverse", "1")] {
      #expect(best.contains("<input type=\"hidden\" name=\"\(field.0)\" value=\"\(field.1)\">"))
    }
    let sorted = await server.get("/?sort=loss&reverse=1").body
    let (a, b) = (sorted.range(of: "data-key=\"a\""), sorted.range(of: "data-key=\"b\""))
    #expect((b?.lowerBound).flatMap { b in a.map { b < $0.lowerBound } } == true)
  }

  @Test(
    "the page of a run, a comparison, JSON and what pages need",
    arguments: [
      ("/run?path=a", "id=\"loss"), ("/run?path=%3Ci%3E%26", "&lt;i&gt;&amp;"),
      ("/compare?run=a&run=b", "optimizer.name"), ("/runs.json", "\"optimizer\": \"lion\""),
      ("/run.json?path=a", "\"findings\""), ("/live.js", "fetch("),
      ("/figures.js", "descentFigures"),
      ("/style.css", ".figures"),
    ])
  func pages(_ target: String, _ part: String) async throws {
    let page = await server.get(target)
    #expect(page.status == 200)
    #expect(page.body.contains(part) || page.body.contains("Loss"), "\(page.body.prefix(500))")
    if target.contains(".json") {
      _ = try JSONSerialization.jsonObject(with: Data(page.body.utf8))
    }
  }

  @Test(
    "nothing outside the runs is read",
    arguments: [
      "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd",
      "/run?path=../secret.txt",
      "/run?path=%2e%2e%2fsecret.txt", "/run?path=%2Fetc%2Fpasswd", "/run?path=out",
      "/run?path=out/runs/a",
      "/run?path=a/../a", "/compare?run=..", "/run.json?path=a%00b", "/run?path=", "/run",
      "/compare",
      "/nothing",
    ])
  func traversal(_ target: String) async {
    let page = await server.get(target)
    #expect(page.status == 404 || page.status == 400)
    #expect(!page.body.contains("top secret") && !page.body.contains("root:"))
  }

  @Test("what is no request for a page is refused, and the server goes on") func refusals() async {
    #expect(await server.get("/", method: "POST").status == 405)
    #expect(await server.get("/", method: "DELETE").head.contains("Allow: GET, HEAD"))
    let head = await server.get("/", method: "HEAD")
    #expect(head.status == 200 && head.body.isEmpty && head.head.contains("Content-Length: "))
    #expect(await server.get("/", method: "BREW").status == 405)
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "127.evil", ""] {
      #expect(await server.get("/", host: host).status == 403, "\(host)")
    }
    for host in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"] {
      #expect(await server.get("/", host: host).status == 200, "\(host)")
    }
    #expect(await server.ask(raw: "GET / HTTP/1.0\r\n\r\n").status == 403)
    #expect(await server.get("/run?path=%zz").status == 400)
    #expect(await server.get("/").status == 200)
  }

  @Test("a page that is shown learns what is new, and what is gone") func live() async throws {
    func tag(_ head: String) -> String {
      head.components(separatedBy: "ETag: ").dropFirst().first?.prefix { $0 != "\r" }.description
        ?? ""
    }
    let first = await server.get("/run?path=a&part=1")
    let known = "If-None-Match: \(tag(first.head))\r\n"
    #expect(tag(first.head).count > 5)
    #expect(await server.get("/run?path=a&part=1", headers: known).status == 304)
    let metrics = server.folder.appendingPathComponent("runs/a/metrics.jsonl")
    let file = try FileHandle(forWritingTo: metrics)
    try file.seekToEnd()
    try file.write(contentsOf: Data("{\"step\": 5, \"loss\": 0.125}\n".utf8))
    try file.close()
    try await Task.sleep(for: .milliseconds(600))
    let next = await server.get("/run?path=a&part=1", headers: known)
    #expect(next.status == 200 && next.body.contains("step 5 of 4"))
    #expect(!next.body.contains("<html"))
    try FileManager.default.removeItem(at: metrics.deletingLastPathComponent())
    try await Task.sleep(for: .milliseconds(600))
    let gone = await server.get("/run?path=a&part=1", headers: known)
    #expect(gone.status == 200 && gone.head.contains("text/plain"))
    #expect(await server.get("/run?path=a").status == 404)
    #expect(gone.body == "a is not there: it was deleted or moved, or is no run.")
    let rest = await server.get("/compare?run=a&run=b")
    #expect(rest.status == 200 && rest.body.contains("it was deleted or moved"))
    #expect(await server.get("/").body.contains("2 runs"))
  }

  @Test("a head that is long or slow holds up nobody") func slow() async throws {
    let long = String(repeating: "a", count: 200_000)
    // Taken where it is asked: this task itself may have to wait for other tests.
    let port = server.service.port
    let seconds = await withCheckedContinuation { done in
      Thread.detachNewThread {
        let start = ContinuousClock.now
        _ = exchange("GET /?q=\(long) HTTP/1.1\r\nHost: localhost:\(port)\r\n\r\n", port: port)
        done.resume(returning: start.duration(to: .now) / .seconds(1))
      }
    }
    #expect(seconds < 8)
    #expect(await server.get("/?q=\(long)").status == 414)
    #expect(await server.get("/", headers: "Cookie: \(long)\r\n").status == 431)
    let hasty = try await HTTPService.start(
      host: "127.0.0.1", ports: [0], patience: .milliseconds(200)
    ) { _ in PageResponse() }
    #expect(await ask("GET / HT", port: hasty.port).status == 408)
    #expect(await ask("\r\n", port: hasty.port).status == 0)
    await hasty.stop()
  }

  @Test("requests on one connection are answered in their order") func pipeline() async {
    let one = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
    let answer = await server.ask(
      raw: one + one + one.replacing("Host", with: "Connection: close\r\nHost"))
    let text = answer.head + answer.body
    #expect(text.components(separatedBy: "HTTP/1.1 404 Not Found").count == 4)
  }

  @Test("more half-open connections than there may be do not keep a browser out") func crowd()
    async throws
  {
    var descriptors: [Int32] = []
    for _ in 0..<OpenConnections.most + 20 {
      let descriptor = connection(to: server.service.port)
      let bytes = Array("GET / HT".utf8)
      _ = unsafe write(descriptor, bytes, bytes.count)
      descriptors.append(descriptor)
    }
    #expect(await server.get("/nothing").status == 404)
    for descriptor in descriptors { close(descriptor) }
    #expect(await server.get("/nothing").status == 404)
  }

  #if os(Linux)
  @Test("a server that has ended says so") func ends() async throws {
    let service = try await HTTPService.start(host: "127.0.0.1", ports: [0]) { _ in PageResponse() }
    #expect(service.failure == nil)
    shutdown(service.descriptor, Int32(SHUT_RDWR))
    let end = ContinuousClock.now + .seconds(5)
    while service.failure == nil, .now < end { try await Task.sleep(for: .milliseconds(5)) }
    #expect(service.failure?.description.contains("\(service.port)") == true)
    await service.stop()
  }
  #endif

  @Test("logs of other tools are in the first list, and what has diverged is told") func first()
    async throws
  {
    let runs = server.folder.appendingPathComponent("runs")
    try "step,loss\n1,2.5\n2,nan\n".write(
      to: runs.appendingPathComponent("other.csv"), atomically: false, encoding: .utf8)
    let answer = await server.get("/runs.json").body
    let list = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
    let rows = try #require(list?["runs"] as? [[String: Any]])
    let row = try #require(rows.first { $0["path"] as? String == "other.csv" })
    #expect(row["diverged"] as? Bool == true)
    #expect(rows.first { $0["path"] as? String == "a" }?["diverged"] as? Bool == false)
  }

  @Test("a port in use, and what is none") func ports() async throws {
    await #expect(throws: ServiceError.portInUse(server.service.port)) {
      try await HTTPService.start(host: "127.0.0.1", ports: [server.service.port]) { _ in
        PageResponse()
      }
    }
    await #expect(throws: ServiceError.notAPort(70_000)) {
      try await HTTPService.start(host: "127.0.0.1", ports: [70_000]) { _ in PageResponse() }
    }
    await #expect(throws: ServiceError.notAnAddress("nowhere")) {
      try await HTTPService.start(host: "nowhere", ports: [0]) { _ in PageResponse() }
    }
    let other = try await HTTPService.start(host: "127.0.0.1", ports: [server.service.port, 0]) {
      _ in
      PageResponse()
    }
    #expect(other.port != server.service.port)
    await other.stop()
  }
}
