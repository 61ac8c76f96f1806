import DescentServe
import Testing

@Suite("Heads of requests") struct RequestHeadTests {
  private func status(_ text: String) -> Int {
    var reader = RequestReader()
    reader.append(Array(text.utf8))
    do { return try reader.next() == nil ? 0 : 200 } catch { return error.status }
  }

  @Test(
    "what is a request, and what is none",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200), ("GET / HTTP/1.1\nHost: a:80\n\n", 200),
      ("\r\n\r\nHEAD /?x HTTP/1.1\r\nhost:[::1]:80 \r\n\r\n", 200),
      ("GET / HTTP/1.0\r\n\r\n", 200), ("GET / HTTP/1.1\r\nHost: a\r\n", 0),
      ("", 0), ("\r\n\r\n", 0), ("nonsense\r\n\r\n", 400), ("GET\r\n\r\n", 400),
      ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / \r\n\r\n", 400),
      (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
      ("GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400),
      ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: evil\r\nHost: localhost\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: localhost:80@evil\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ])
  func reads(_ text: String, _ expected: Int) { #expect(status(text) == expected) }

  @Test("limits") func limits() {
    let (long, start) = (String(repeating: "a", count: 17_000), "GET / HTTP/1.1\r\nHost: a\r\n")
    #expect(status(long) == 414)
    #expect(status("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n") == 414)
    #expect(status("\(start)X: \(long)") == 431)
    #expect(status("\(start)X: \(long)\r\n\r\n") == 431)
    #expect(status(start + String(repeating: "X: a\r\n", count: 101) + "\r\n") == 431)
    #expect(status("\(start)X: \(long.prefix(16_000))\r\n\r\n") == 200)
  }

  @Test("byte by byte, one after another") func pieces() throws {
    var (reader, targets) = (RequestReader(), [String]())
    for target in ["/a", "/b?c=d", "/"] {
      let last = target == "/" ? "Connection: Keep-Alive, close\r\n" : ""
      for byte in "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(last)\r\n".utf8 {
        reader.append([byte])
        guard let head = try reader.next() else { continue }
        targets.append(head.target)
        #expect(head["host"] == "localhost")
        #expect(head.isPersistent == last.isEmpty)
      }
    }
    #expect(targets == ["/a", "/b?c=d", "/"])
    #expect(!reader.hasBegun)
  }
}
