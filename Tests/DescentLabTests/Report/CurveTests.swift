import Testing

@testable import DescentLab

@Suite("Curves of reports") struct CurveTests {
  private func track(_ values: [Double]) -> Track {
    Track(steps: Array(1...max(1, values.count)).prefix(values.count).map { $0 }, values: values)
  }

  @Test("a single spike keeps its place and height, wherever it is", arguments: [10, 999, 100_000])
  func spikes(_ count: Int) {
    for place in [0, count / 3, count / 2, count - 1] {
      var values = (0..<count).map { 1 + 0.1 * Double($0 % 7) }
      values[place] = 50
      let curve = Curve(track(values))
      #expect(curve.points.contains(Point(Double(place + 1), 50)))
      #expect(curve.points.count <= Curve.most + 8)
      #expect(curve.highest == Point(Double(place + 1), 50))
    }
  }

  @Test("what is not finite is counted, and left out of means") func nonFinite() {
    let curve = Curve(track([4, .nan, 2, .infinity, 3, .nan]))
    #expect(curve.count == 6 && curve.nonFinite == 3)
    #expect(curve.mean == 3 && curve.start == 4 && curve.end == 3)
    #expect(curve.last == Point(5, 3) && curve.lowest == Point(3, 2))
    #expect(Curve(track([.nan, .nan])).last == nil)
    #expect(Curve(track([])).end.isNaN)
  }

  @Test("a running mean forgets a huge value") func runningMean() {
    var values = [Double](repeating: 1, count: 300)
    values[100] = 1e18
    let curve = Curve(track(values))
    #expect(curve.window == 6 && curve.end == 1)
    #expect(curve.smooth[100].y > 1e17 && curve.smooth[107].y == 1)
  }

  @Test("noise is what neighbours differ by, whatever the course", arguments: [0.0, 5.0])
  func noise(_ slope: Double) {
    let values = (0..<1000).map { slope * Double($0) / 1000 + ($0 % 2 == 0 ? 0.1 : -0.1) }
    // Neighbours that alternate differ by twice the amplitude: √2 of it.
    #expect(abs(Curve(track(values)).noise - 0.1 * 2.0.squareRoot()) < 0.01)
  }

  @Test("values between points lie on the line between them") func between() {
    let curve = Curve(Track(steps: [10, 20, 40], values: [1, 2, 4]))
    #expect(curve.value(at: 15) == 1.5 && curve.value(at: 30) == 3 && curve.value(at: 40) == 4)
    #expect(curve.value(at: 9) == nil && curve.value(at: 41) == nil)
  }
}
