import DescentLab
import Foundation
import Testing

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

  @Test("paths of a page are read as they were written, but for a little")
  func code() {
    let (x, y) = (Placement(-1...1, .linear), Placement(0...10, .linear))
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-")
    let way = [
      Point(-1, 0), Point(0.5, 10), Point(1, 5), Point(30, -70), Point(0, 5), Point(0, 5),
      Point(0, 5),
    ]
    let tolerance = 0.002
    /// What the page reads, at every point.
    func read(_ path: [Point]) -> [(Double, Double)] {
      let text = Motion.code(path, x, y, within: tolerance).map { digits.firstIndex(of: $0) ?? -1 }
      var (places, at): ([(Double, Double)], Int) = ([], 0)
      func pair(_ at: Int) -> Int { 64 * text[at] + text[at + 1] }
      while at + 3 < text.count {
        var gap = 1
        if !places.isEmpty {
          gap = text[at] == 0 ? pair(at + 1) : text[at]
          at += text[at] == 0 ? 3 : 1
        }
        let next = (
          1.5 * Double(pair(at)) / 4095 - 0.25, 1.5 * Double(pair(at + 2)) / 4095 - 0.25
        )
        let last = places.last ?? next
        for step in 1...gap {
          let t = Double(step) / Double(gap)
          places.append((last.0 + t * (next.0 - last.0), last.1 + t * (next.1 - last.1)))
        }
        at += 4
      }
      return places
    }
    let spiral = (0..<900).map { step in
      let (r, t) = (exp(-0.01 * Double(step)), 0.1 * Double(step))
      return Point(r * cos(t), 5 + 5 * r * sin(t))
    }
    let zigzag = (0..<100).map { Point($0 % 2 == 0 ? 0.5 : -0.5, 0.1 * Double($0)) }
    let noNumber = way + [Point(.nan, 0), Point(0, 0)]
    for path in [way, spiral, zigzag, noNumber, Array(way.prefix(1))] {
      let places = read(path)
      let kept = path.prefix { $0.x.isFinite }
      #expect(places.count == kept.count)
      for (place, point) in zip(places, kept) {
        #expect(abs(place.0 - min(max(x(point.x), -0.25), 1.25)) < tolerance + 4e-4)
        #expect(abs(place.1 - min(max(y(point.y), -0.25), 1.25)) < tolerance + 4e-4)
      }
    }
    #expect(Motion.code(spiral, x, y, within: tolerance).utf8.count < 900)
    #expect(Motion.code([], x, y, within: tolerance).isEmpty)
  }
}
