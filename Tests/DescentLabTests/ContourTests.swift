import Foundation
import Testing

@testable import DescentLab

@Suite("Contours") struct ContourTests {
  static func area(_ loop: [(x: Double, y: Double)]) -> Double {
    var sum = 0.0
    for (a, b) in zip(loop, loop.dropFirst() + loop.prefix(1)) { sum += a.x * b.y - a.y * b.x }
    return sum / 2
  }

  @Test("outlines are closed and enclose what lies above") func circle() throws {
    let surface = ContourChart.Surface(x: -1...1, y: -1...1, columns: 101, rows: 101) {
      1 - $0 * $0 - $1 * $1
    }
    let loops = ContourLines(surface).loops(at: 0.75)
    #expect(loops.count == 1)
    let loop = try #require(loops.first)
    // A circle of radius ½: 50 columns are 1.
    let disc: Double = 1963.5
    let area = abs(Self.area(loop))
    #expect(abs(area - disc) < 8)
    #expect(loop.first! == loop.last!)
    // Below it lies the rest: the ring and the frame.
    let below = ContourChart.Surface(x: -1...1, y: -1...1, columns: 101, rows: 101) {
      $0 * $0 + $1 * $1
    }
    let areas = ContourLines(below).loops(at: 0.25).map(Self.area)
    #expect(areas.count == 2)
    let rest = abs(areas.reduce(0, +))
    #expect(abs(rest - (10_000 - disc)) < 8)
  }

  @Test("a pass is cut one way or the other, and odd values do not trap") func odd() {
    let pass = ContourChart.Surface(x: -1...1, y: -1...1, columns: 2, rows: 2) { $0 * $1 }
    for level in [-0.5, 0.5] {
      #expect(ContourLines(pass).loops(at: level).allSatisfy { $0.count > 2 })
    }
    for value in [Double.nan, .infinity, -.infinity, 0, 1e308, -1e308] {
      let surface = ContourChart.Surface(x: 0...1, y: 0...1, columns: 9, rows: 7) { x, y in
        x > 0.4 && y > 0.4 ? value : x * y * 1e308
      }
      let chart = ContourChart(
        title: "odd", surface: surface,
        paths: [.init("a", [Point(0, 0), Point(.nan, 1), Point(1e300, -1e300), Point(1, 1)])],
        spots: [.init("minimum", Point(.nan, 0)), .init("b", Point(0.5, 0.5))])
      let figure = Figure([.contour(chart)])
      #expect(figure.svg().contains("<path"))
      #expect(!figure.svg().contains("nan"))
      #expect(figure.text(columns: 40, rows: 8).split(separator: "\n").count > 8)
    }
    let flat = ContourChart.Surface(x: 0...1, y: 0...1) { _, _ in 3 }
    #expect(flat.levels.isEmpty)
    #expect(Figure([.contour(ContourChart(surface: flat))]).svg().hasSuffix("</svg>\n"))
  }

  @Test("levels ascend, and lower bands are smaller") func levels() {
    let surface = ContourChart.Surface(x: -2...2, y: -2...2) { $0 * $0 + 3 * $1 * $1 }
    #expect(surface.levels == surface.levels.sorted() && surface.levels.count == 9)
    let counts = (0...9).map { band in surface.values.count { surface.band($0) == band } }
    #expect(counts[0] < counts[4] && counts.reduce(0, +) == surface.values.count)
  }

  @Test("a page draws a surface once, however many ways cross it") func shared() throws {
    let one = Gallery.contours(1)
    let four = Gallery.contours(4)
    let (a, b) = (
      Document("one", [.figures([one[0]])]).html(), Document("four", [.figures(four)]).html()
    )
    for html in [a, b] { #expect(html.ranges(of: "surface0\" transform").count == 1) }
    #expect(b.contains("<use href=\"#figure1-surface0\"/>"))
  }

  @Test("ways of a page are read as they were written, and end where they stand still")
  func code() {
    let (x, y) = (Placement(-1...1, .linear), Placement(0...10, .linear))
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-")
    let way = [
      Point(-1, 0), Point(0.5, 10), Point(1, 5), Point(30, -70), Point(0, 5), Point(0, 5),
      Point(0, 5),
    ]
    let text = Array(Motion.code(way, x, y))
    #expect(text.count == 4 * 5)
    func part(_ at: Int) -> Double {
      let value = 64 * digits.firstIndex(of: text[at])! + digits.firstIndex(of: text[at + 1])!
      return 1.5 * Double(value) / 4095 - 0.25
    }
    for (index, place) in [(0.0, 0.0), (0.75, 1), (1, 0.5), (1.25, -0.25), (0.5, 0.5)].enumerated()
    {
      #expect(abs(part(4 * index) - place.0) < 4e-4)
      #expect(abs(part(4 * index + 2) - place.1) < 4e-4)
    }
  }
}
