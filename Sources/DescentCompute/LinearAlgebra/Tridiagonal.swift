internal import Foundation

/// A symmetric tridiagonal matrix, made from a full one and made diagonal.
struct Tridiagonal {
  private(set) var diagonal: [Double]
  /// The element below the diagonal in each row; the first is 0.
  private var below: [Double]
  /// Rows or columns that one task takes.
  private static let strip = 64

  /// T = QᵀAQ by Householder reflections, each I − β·v·vᵀ; leaves Qᵀ in `a`.
  init(_ a: inout Matrix) {
    let n = a.rows
    diagonal = [Double](repeating: 0, count: n)
    below = [Double](repeating: 0, count: n)
    // Reflection k: v is zero up to position k, its other elements are row k of `vectors`.
    var vectors = Matrix(n, n)
    var β = [Double](repeating: 0, count: n)
    var w = [Double](repeating: 0, count: n)
    a.elements.withMutableView { a in
      vectors.elements.withMutableView { vectors in
        w.withMutableView { w in
          for k in 0..<n - 1 {
            diagonal[k] = a[k * n + k]
            let first = k + 1
            let v = vectors.row(k, n).from(first)
            v.copy(a.row(k, n).from(first).reading)
            (β[k], below[first]) = Vectors.reflect(v)
            guard β[k] != 0 else { continue }
            let w = w[0..<v.count]
            Self.strips(of: v.count) { rows in
              for i in rows {
                w[i] = β[k] * Vectors.dot(a.row(first + i, n).from(first).reading, v.reading)
              }
            }
            // w ← β·A·v − (β/2)(wᵀv)·v;  A ← A − v·wᵀ − w·vᵀ
            Vectors.axpy(-β[k] / 2 * Vectors.dot(w.reading, v.reading), v.reading, w)
            Self.strips(of: v.count) { rows in
              for i in rows {
                let row = a.row(first + i, n).from(first)
                let (vi, wi) = (v[i], w[i])
                for j in row.indices { row[j] -= vi * w[j] + wi * v[j] }
              }
            }
          }
          diagonal[n - 1] = a[n * n - 1]
          Self.accumulate(n, vectors.reading, β, into: a)
        }
      }
    }
  }

  /// Qᵀ = H_last ⋯ H_0, multiplied out from the last, which touches the smallest corner.
  private static func accumulate(
    _ n: Int, _ vectors: View<Double>, _ β: [Double], into q: MutableView<Double>
  ) {
    q.fill(0)
    for i in 0..<n { q[i * n + i] = 1 }
    for k in stride(from: n - 2, through: 0, by: -1) where β[k] != 0 {
      let first = k + 1
      let v = vectors.row(k, n).from(first)
      // Qᵀ ← Qᵀ·H_k: each row loses β(row·v)·v.
      strips(of: v.count) { rows in
        for i in rows {
          let row = q.row(first + i, n).from(first)
          Vectors.axpy(-β[k] * Vectors.dot(row.reading, v), v, row)
        }
      }
    }
  }

  /// Implicit QL: makes the matrix diagonal by rotations, which also act on the rows of `q`.
  mutating func diagonalize(rotating q: inout Matrix) throws(LinearAlgebraError) {
    let n = diagonal.count
    // The element that couples rows i and i + 1, at i.
    var e = Array(below.dropFirst()) + [0]
    var d = diagonal
    var rotations: [(c: Double, s: Double)] = []
    rotations.reserveCapacity(n)
    for l in 0..<n {
      var attempts = 0
      while true {
        var m = l
        while m < n - 1 {
          let size = abs(d[m]) + abs(d[m + 1])
          if abs(e[m]) <= Double.ulpOfOne * size { break }
          m += 1
        }
        if m == l { break }
        attempts += 1
        guard attempts <= 100 else { throw .notConverged }
        // Wilkinson's shift.
        let half = (d[l + 1] - d[l]) / (2 * e[l])
        let length = hypot(half, 1)
        var g = d[m] - d[l] + e[l] / (half + (half >= 0 ? length : -length))
        var (c, s, p) = (1.0, 1.0, 0.0)
        rotations.removeAll(keepingCapacity: true)
        var i = m - 1
        var split = false
        while i >= l {
          let (f, b) = (s * e[i], c * e[i])
          let r = hypot(f, g)
          e[i + 1] = r
          if r == 0 {
            // The matrix falls apart here: start over with the parts.
            d[i + 1] -= p
            e[m] = 0
            split = true
            break
          }
          (s, c) = (f / r, g / r)
          g = d[i + 1] - p
          let t = (d[i] - g) * s + 2 * c * b
          p = s * t
          d[i + 1] = g + p
          g = c * t - b
          rotations.append((c, s))
          i -= 1
        }
        Self.apply(rotations, from: m - 1, to: &q)
        if split { continue }
        d[l] -= p
        e[l] = g
        e[m] = 0
      }
    }
    guard d.allSatisfy(\.isFinite) else { throw .notFinite }
    diagonal = d
  }

  /// Applies rotations of rows (i, i + 1), for i falling from `last`.
  private static func apply(
    _ rotations: [(c: Double, s: Double)], from last: Int, to q: inout Matrix
  ) {
    let n = q.columns
    q.elements.withMutableView { q in
      strips(of: n, work: rotations.count * n) { columns in
        var row = last
        for (c, s) in rotations {
          Vectors.rotate(c, s, q.row(row, n)[columns], q.row(row + 1, n)[columns])
          row -= 1
        }
      }
    }
  }

  /// Runs `body` on strips of 0..<count, shared by all threads where that pays.
  private static func strips(
    of count: Int, work: Int? = nil, _ body: (Range<Int>) -> Void
  ) {
    if work ?? (count * count) < 1 << 15 {
      body(0..<count)
    } else {
      ThreadPool.shared.forEachChunk(of: count, size: strip, body)
    }
  }
}
