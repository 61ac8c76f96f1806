import Foundation
import Testing

/// `descent explain`.
extension CommandTests {
  @Test("explain lists the course, shows a topic, and writes pages") func explain() throws {
    let list = try descent(["explain"])
    #expect(list.status == 0 && list.output.contains("momentum") && list.output.contains("lora"))
    let page = try descent(["explain", "adam", "--html", "adam.html"], in: folder)
    #expect(page.status == 0)
    #expect(page.output.contains("0.271") && page.output.hasSuffix("\npage: adam.html\n"))
    let course = try descent(["explain", "--html", "course.html"], in: folder)
    #expect(course.status == 0)
    let html = try String(
      contentsOf: folder.appendingPathComponent("course.html"), encoding: .utf8)
    #expect(html.contains("href=\"#momentum\"") && html.contains("id=\"lora\""))
  }

  @Test("explain --json is an object with the parts of the page") func explainJSON() throws {
    for arguments in [["explain", "--json"], ["explain", "momentum", "--json"]] {
      let result = try descent(arguments)
      let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      #expect(result.status == 0 && object is [String: Any])
    }
  }

  @Test(
    "what explain cannot do, it says",
    arguments: [
      (["explain", "momentun"], 64, "did you mean 'momentum'?"),
      (["explain", "momentum", "--html", ""], 64, "--html names no file"),
      (["explain", "momentum", "--html", "no/such/page.html"], 70, "no/such"),
      (["explain", "momentum", "nesterov"], 64, "nesterov"),
    ])
  func explainMistakes(_ arguments: [String], _ status: Int32, _ words: String) throws {
    let result = try descent(arguments, in: folder)
    #expect(result.status == status && result.error.contains(words), "\(result.error)")
  }
}
