import DescentCompute
import Testing

@Suite struct ViewTests {
  @Test func `parts of a view`() {
    let x = [0, 1, 2, 3, 4, 5].mutableView
    #expect(
      x[2..<4].array == [2, 3] && x.row(1, 3).array == [3, 4, 5] && x.from(4).array == [4, 5])
    #expect(x[6..<6].count == 0 && x.from(6).array == [])
    let part = x.row(1, 2)
    part.fill(9)
    x.from(4).copy([7].view)
    part[0] += 1
    #expect(x.array == [0, 1, 10, 9, 7, 5])
    #expect(ScaledView([1, 2, 3].map(Float.init).view, scale: 0.5)[1..<3][1] == 1.5)
  }

  @Test func `views of arrays`() {
    var x: [Float] = [1, 2, 3]
    x.withMutableView { x in for i in x.indices { x[i] *= 2 } }
    #expect(x.withView { x in x.indices.map { x[$0] } } == [2, 4, 6])
    var none: [Float] = []
    #expect(none.withMutableView { $0.count } == 0 && none.withView { $0.count } == 0)
  }

  /// A part that reaches beyond the view, and a matrix that does.
  @Test func `what lies outside is refused`() async {
    await #expect(processExitsWith: .failure) { _ = [1, 2, 3].view[1..<4] }
    await #expect(processExitsWith: .failure) { _ = [1, 2, 3].view.row(2, 2) }
    await #expect(processExitsWith: .failure) { _ = [1, 2, 3].view.cast(to: Float.self) }
    await #expect(processExitsWith: .failure) { _ = [1, 2, 3].view.matrix(2, 1, stride: 3) }
    await #expect(processExitsWith: .failure) {
      let x = [Float](repeating: 1, count: 6).mutableView
      MatrixProduct.multiply(x.reading.matrix(2, 3), x.reading.matrix(2, 3), into: x.matrix(2, 3))
    }
    await #expect(processExitsWith: .failure) { Kernels.exp(zeros(4).reading, zeros(3)) }
  }

  @Test func `a matrix may end with its last row`() {
    let matrix = [1, 2, 9, 3, 4].view.matrix(2, 2, stride: 3)
    #expect(matrix.rows == 2 && matrix.transposed.isTransposed && matrix.transposed.stride == 3)
    #expect([Int]().view.matrix(0, 5).columns == 5)
  }

  /// Beginnings and ends of all kinds, and more bytes than one thread takes.
  @Test("copies past the caches write those bytes and no others")
  func copiesPastCaches() {
    let source = (0..<(5 << 19)).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }
    let from = source.view
    for (start, place, count) in [
      (0, 0, 0), (0, 0, 1), (3, 5, 15), (1, 16, 64), (7, 9, 63), (16, 32, 128), (5, 11, 1000),
      (13, 1, 2_500_001),
    ] {
      let to = [UInt8](repeating: 0xA5, count: source.count).mutableView
      unsafe copyPastCaches(from: from.base + start, to: to.base + place, byteCount: count)
      var expected = [UInt8](repeating: 0xA5, count: source.count)
      expected.replaceSubrange(place..<place + count, with: source[start..<start + count])
      #expect(to.array == expected, "\(count) bytes from \(start) to \(place)")
    }
  }
}
