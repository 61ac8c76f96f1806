import DescentLab
import Foundation
import Testing

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
    #expect(curve.window == 10 && curve.end == 1)
    #expect(curve.smooth[100].y > 1e16 && curve.smooth[111].y == 1)
  }

  @Test(
    "noise is what is left when the course and single spikes are taken out",
    arguments: [(0.0, 0.0), (50, 0), (0, 1e6)])
  func noise(_ slope: Double, _ spike: Double) {
    var values = normalNumbers(2_000, seed: 1).enumerated().map {
      slope * Double($0) / 2_000 + 0.1 * $1
    }
    values[1_500] += spike
    #expect(abs(Curve(track(values)).noise / 0.1 - 1) < 0.1)
    let smooth = (0..<2_000).map { 4.0 / Double($0 + 1) + slope * Double($0) }
    #expect(Curve(track(smooth)).noise < 1e-6)
  }

  @Test("the largest numbers there are have means") func largest() {
    let curve = Curve(track([Double](repeating: 1e308, count: 200)))
    #expect(curve.end == 1e308 && curve.start.isFinite && curve.mean.isFinite)
  }

  @Test("from where on nothing is finite") func broken() {
    #expect(Curve(track([1, .nan, 2, .nan, .infinity])).brokenSince == 4)
    #expect(Curve(track([1, .nan, 2])).brokenSince == nil)
    #expect(Curve(track([.nan, .nan])).brokenSince == 1)
    #expect(Curve(track([1, .nan])).lastStep == 2)
  }

  @Test("values between points lie on the line between them") func between() {
    let curve = Curve(Track(steps: [10, 20, 40], values: [1, 2, 4]))
    #expect(curve.value(at: 15) == 1.5 && curve.value(at: 30) == 3 && curve.value(at: 40) == 4)
    #expect(curve.value(at: 9) == nil && curve.value(at: 41) == nil)
  }
}

/// Independent numbers of mean 0 and deviation 1 (splitmix64, Box and Muller).
func normalNumbers(_ count: Int, seed: UInt64) -> [Double] {
  var state = seed
  func uniform() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return (Double((z ^ z >> 31) >> 11) + 0.5) / 0x1p53
  }
  return (0..<count).map { _ in (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
}
