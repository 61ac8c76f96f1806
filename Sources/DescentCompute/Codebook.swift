internal import CDescentKernels

/// 256 sorted values in [−1, 1] that stand for elements divided by the largest magnitude of their
/// block. A code is the position of a value.
@safe
package final class Codebook: Sendable {
  /// How many elements share a scale.
  package static var block: Int { Int(DESCENT_CODE_BLOCK) }

  /// How many scales `count` elements have.
  package static func blocks(of count: Int) -> Int { (count + block - 1) / block }

  /// How an element gets its code.
  package enum Rounding: Sendable {
    /// The nearest value; halfway, the lower code.
    case nearest
    /// By a table of 65,536 steps from −1 to 1, as bitsandbytes rounds on the CPU: a step has the
    /// code of the midpoints strictly below it, and a block of zeros has the code 0.
    case table
  }

  /// The values, in ascending order.
  package let values: [Float]
  nonisolated(unsafe) let tables: UnsafePointer<descent_codebook>

  package init(_ values: [Float], rounding: Rounding = .nearest) {
    precondition(values.count == 256 && zip(values, values.dropFirst()).allSatisfy(<))
    self.values = values
    // A midpoint of two floats, in double, is exact; a float is above it when it is above the
    // largest float that is not.
    let midpoints = zip(values, values.dropFirst()).map { (Double($0) + Double($1)) / 2 }
    let thresholds = midpoints.map { Float($0, roundedDown: ()) } + [Float.infinity]
    func nearest(_ x: Float) -> UInt8 { UInt8(thresholds.firstIndex { x <= $0 } ?? 255) }
    // A cell's least number: its own least magnitude, or below zero its largest.
    let cells = 0..<UInt32(DESCENT_CELLS)
    let first = UInt32(DESCENT_FIRST_CELL)
    let least =
      cells.map { $0 == 0 ? nearest(0) : nearest(Float(bitPattern: ($0 + first) << 16)) }
      + cells.map { nearest(-min(1, Float(bitPattern: ($0 + first) << 16 | 0xffff))) }
    var book = unsafe descent_codebook(
      values: Self.keep(values), thresholds: Self.keep(thresholds), least: Self.keep(least),
      zero: nearest(0), table: nil)
    if rounding == .table {
      var below = 0
      let steps = (0..<65_536).map { k in
        // In float32, which decides for one entry of the unsigned map.
        let step = 2 * Float(k) / 65_535 - 1
        while below < 255, midpoints[below] < Double(step) { below += 1 }
        return UInt8(below)
      }
      unsafe book.table = UnsafePointer(Self.keep(steps))
      unsafe book.zero = 0
    }
    unsafe tables = UnsafePointer(Self.keep([book]))
  }

  deinit {
    let book = unsafe tables.pointee
    unsafe book.values.deallocate()
    unsafe book.thresholds.deallocate()
    unsafe book.least.deallocate()
    unsafe book.table?.deallocate()
    unsafe tables.deallocate()
  }

  private static func keep<T>(_ elements: [T]) -> UnsafePointer<T> {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: elements.count)
    _ = unsafe memory.initialize(from: elements)
    return unsafe UnsafePointer(memory.baseAddress!)
  }
}

extension Float {
  /// The largest float that is at most `x`.
  fileprivate init(_ x: Double, roundedDown: Void) {
    let nearest = Float(x)
    self = Double(nearest) > x ? nearest.nextDown : nearest
  }
}
