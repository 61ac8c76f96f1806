import DescentCompute
import Foundation
public import Safetensors

/// What the elements of a stored tensor are like. NaN and infinities are counted, and left out of all
/// else.
public struct TensorStatistics: Sendable, Equatable {
  /// How many elements there are.
  public var count = 0
  /// Elements that are NaN.
  public var nans = 0
  /// Elements that are infinite.
  public var infinities = 0
  /// Elements that are zero.
  public var zeros = 0
  /// The least element; +∞ where there is none.
  public var least = Double.infinity
  /// The largest element; −∞ where there is none.
  public var largest = -Double.infinity
  /// ‖x‖₂
  public var norm = 0.0

  /// Nothing yet.
  public init() {}

  /// Elements that are NaN or infinite.
  public var nonFinite: Int { nans + infinities }
  /// The largest magnitude.
  public var largestMagnitude: Double { finite == 0 ? 0 : max(abs(least), abs(largest)) }
  /// √(Σx²/n)
  public var rootMeanSquare: Double { finite == 0 ? 0 : norm / Double(finite).squareRoot() }
  /// The share of elements that are zero.
  public var zeroShare: Double { count == 0 ? 0 : Double(zeros) / Double(count) }
  private var finite: Int { count - nonFinite }
}

/// How far two stored tensors of one shape are apart. Elements where one is not finite are counted
/// apart, unless both are the same.
public struct TensorDifference: Sendable, Equatable {
  /// Whether type and bytes are the same.
  public var isSame = false
  /// ‖x − y‖₂
  public var norm = 0.0
  /// ‖x − y‖₂/‖y‖₂; nil where y is zero.
  public var relative: Double?
  /// The largest |x − y|.
  public var largest = 0.0
  /// ⟨x, y⟩/(‖x‖·‖y‖); nil where one is zero.
  public var cosine: Double?
  /// Elements that cannot be compared: one is NaN or infinite.
  public var incomparable = 0
}

extension TensorStatistics {
  /// The statistics of a tensor in a file, which is read in pieces.
  ///
  /// - Throws: `SafetensorsError` when there is none of this name.
  public init(of name: String, in file: SafetensorsFile) throws {
    let entry = try file.entry(name)
    let found = try file.withBytes(of: name) { Self.sums($0, entry, scale: 1) }
    self = found.statistics
    var (squares, scale) = (found.squares, 1.0)
    if largestMagnitude > 0, !(1e-280...1e300).contains(squares) {
      // Squares that leave the range of numbers are taken of multiples.
      scale = Double(
        sign: .plus, exponent: min(1000, -Int(largestMagnitude.exponent)), significand: 1)
      squares = try file.withBytes(of: name) { Self.sums($0, entry, scale: scale).squares }
    }
    norm = squares.squareRoot() / scale
  }

  private static func sums(
    _ bytes: RawSpan, _ entry: SafetensorsEntry, scale: Double
  ) -> (statistics: TensorStatistics, squares: Double) {
    let parts = Pieces(entry.count).map(
      (statistics: TensorStatistics(), squares: 0.0)
    ) { range, result in
      StoredNumbers.read(bytes, entry.dtype, range) { values in
        for x in values {
          guard x.isFinite else {
            if x.isNaN { result.statistics.nans += 1 } else { result.statistics.infinities += 1 }
            continue
          }
          if x == 0 { result.statistics.zeros += 1 }
          result.statistics.least = min(result.statistics.least, x)
          result.statistics.largest = max(result.statistics.largest, x)
          let y = x * scale
          result.squares += y * y
        }
      }
      result.statistics.count = range.count
    }
    return parts.reduce((TensorStatistics(), 0)) { sum, part in
      var (all, one) = (sum.0, part.statistics)
      (all.count, all.nans) = (all.count + one.count, all.nans + one.nans)
      all.infinities += one.infinities
      all.zeros += one.zeros
      (one.least, one.largest) = (min(all.least, one.least), max(all.largest, one.largest))
      (all.least, all.largest) = (one.least, one.largest)
      return (all, sum.1 + part.squares)
    }
  }
}

extension TensorDifference {
  private struct Sums {
    var (difference, x, y, product, largest) = (0.0, 0.0, 0.0, 0.0, 0.0)
    var incomparable = 0
  }

  /// The difference of the tensors called `name` in two files; nil where the shapes differ.
  ///
  /// - Throws: `SafetensorsError` when one of the files has none of this name.
  public init?(of name: String, in file: SafetensorsFile, from other: SafetensorsFile) throws {
    let (a, b) = (try file.entry(name), try other.entry(name))
    guard a.shape == b.shape else { return nil }
    let (isSame, parts) = try file.withBytes(of: name) { x in
      try other.withBytes(of: name) { y in
        (
          a.dtype == b.dtype && Self.areSame(x, y),
          Pieces(a.count).map(Sums()) { range, sums in
            Self.add(x, a.dtype, y, b.dtype, range, to: &sums)
          }
        )
      }
    }
    let sums = parts.reduce(into: Sums()) { all, one in
      all.difference += one.difference
      all.x += one.x
      all.y += one.y
      all.product += one.product
      all.largest = max(all.largest, one.largest)
      all.incomparable += one.incomparable
    }
    self.isSame = isSame
    norm = sums.difference.squareRoot()
    relative = sums.y > 0 ? norm / sums.y.squareRoot() : nil
    largest = sums.largest
    cosine =
      sums.x > 0 && sums.y > 0
      ? max(-1, min(1, sums.product / (sums.x.squareRoot() * sums.y.squareRoot()))) : nil
    incomparable = sums.incomparable
  }

  private static func areSame(_ x: RawSpan, _ y: RawSpan) -> Bool {
    unsafe x.withUnsafeBytes { x in
      unsafe y.withUnsafeBytes { y in
        guard let p = x.baseAddress, let q = y.baseAddress else { return x.count == y.count }
        guard x.count == y.count else { return false }
        return unsafe memcmp(p, q, x.count) == 0
      }
    }
  }

  private static func add(
    _ x: RawSpan, _ a: SafetensorsDType, _ y: RawSpan, _ b: SafetensorsDType, _ range: Range<Int>,
    to sums: inout Sums
  ) {
    var start = range.lowerBound
    while start < range.upperBound {
      let part = start..<min(start + StoredNumbers.room, range.upperBound)
      StoredNumbers.read(x, a, part) { x in
        StoredNumbers.read(y, b, part) { y in
          for i in x.indices {
            let (p, q) = (x[i], y[i])
            guard p.isFinite, q.isFinite else {
              if !(p == q || p.isNaN && q.isNaN) { sums.incomparable += 1 }
              continue
            }
            let d = p - q
            sums.difference += d * d
            sums.x += p * p
            sums.y += q * q
            sums.product += p * q
            sums.largest = max(sums.largest, abs(d))
          }
        }
      }
      start = part.upperBound
    }
  }
}

/// A tensor's elements in pieces that all threads share.
private struct Pieces {
  let count: Int
  private static let size = 1 << 18

  init(_ count: Int) { self.count = count }

  /// The results of all pieces, in their order.
  func map<Result>(
    _ initial: Result, _ body: (Range<Int>, inout Result) -> Void
  ) -> [Result] {
    var results = Array(repeating: initial, count: (count + Self.size - 1) / Self.size)
    unsafe results.withUnsafeMutableBufferPointer { results in
      nonisolated(unsafe) let results = unsafe results
      ThreadPool.shared.forEachChunk(of: count, size: Self.size) { range in
        unsafe body(range, &results[range.lowerBound / Self.size])
      }
    }
    return results
  }
}
