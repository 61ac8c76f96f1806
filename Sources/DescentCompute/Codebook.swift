internal import CDescentKernels

/// 256 values in [−1, 1], in ascending order, that stand for elements divided by the largest
/// magnitude of their block. A code is the position of a value.
@safe
package final class Codebook: Sendable {
  /// How many elements share a scale.
  package static var block: Int { Int(DESCENT_CODE_BLOCK) }

  /// How many scales `count` elements have.
  package static func blocks(of count: Int) -> Int { (count + block - 1) / block }

  /// How an element gets its code.
  package enum Rounding: Sendable {
    /// The nearest value; halfway, the lower code. In a book without negative values only 0 is 0.
    case nearest
    /// By a table of 65,536 steps from −1 to 1, as bitsandbytes rounds on the CPU: a step has the
    /// code of the midpoints strictly below it, and a block of zeros has the code 0.
    case table
  }

  /// The values, in ascending order.
  package let values: [Float]
  /// Whether the codes are tapered ones.
  package let isTapered: Bool
  nonisolated(unsafe) let tables: UnsafePointer<descent_codebook>

  /// A run of tapered codes: evenly many in each octave.
  package struct Segment: Sendable {
    /// Where it ends, below the one before or 1: a power of two, or 1.5 times one.
    let end: Float
    /// How many values an octave has: a power of two, at most 64.
    let steps: Int

    package init(end: Float, steps: Int) { (self.end, self.steps) = (end, steps) }
  }

  /// Tapered codes: 0, and magnitudes from 1 down, octave by octave, each cut evenly into as many
  /// steps as its segment says, of both signs where the book is signed.
  ///
  /// The bits of a float, read as an integer, grow evenly within an octave and from one to the next;
  /// so a code is a linear function of them in each segment, and no table is read.
  ///
  /// - Parameters:
  ///   - segments: from 1 down; all values but 0 and ±1.
  ///   - alternates: whether a number between two values becomes now one, now the other, as often as
  ///     its place between them says; else the nearer one.
  package init(_ segments: [Segment], signed: Bool, alternates: Bool) {
    let top = signed ? 127 : 255
    var lines: [descent_segment] = []
    var magnitudes: [Float] = []
    var (code, bits) = (top, Int32(bitPattern: Float(1).bitPattern))
    for segment in segments {
      let shift = Int32(23 - segment.steps.trailingZeroBitCount)
      let end = Int32(bitPattern: segment.end.bitPattern)
      let count = Int(bits - end) >> shift
      precondition(count << shift == Int(bits - end) && (end >> shift) << shift == end)
      magnitudes += (0..<count).map { Float(bitPattern: UInt32(bits - Int32($0) << shift)) }
      code -= count
      bits = end
      lines.insert(
        descent_segment(first: end, shift: shift, offset: Int32(code) - end >> shift), at: 0)
    }
    // The last one ends with a value; what lies below continues it, down to 0.
    magnitudes.append(Float(bitPattern: UInt32(bits)))
    lines[0].first = 0
    precondition(magnitudes.count == top)
    magnitudes.reverse()
    values = signed ? [-1] + magnitudes.reversed().map(-) + [0] + magnitudes : [0] + magnitudes
    precondition(lines.count <= Int(DESCENT_SEGMENTS))
    // Segments end with half octaves, so that each of these lies in one of them.
    let halfOctaves = (0..<Int32(DESCENT_LINES)).map { place in
      let first = place == 0 ? 0 : (Int32(DESCENT_FIRST_LINE) + place) << 22
      return lines.last { $0.first <= first } ?? lines[0]
    }
    let halves = values.map { UInt16($0.bitPattern >> 16) }
    var book = unsafe descent_codebook(
      values: Self.keep(values), thresholds: nil, least: nil, zero: signed ? 128 : 0, table: nil,
      segment_count: Int32(lines.count), segments: Self.keep(lines),
      shifts: Self.keep(halfOctaves.map { Int16($0.shift) }),
      offsets: Self.keep(halfOctaves.map { Int16($0.offset) }),
      halves: Self.keep(halves), is_signed: signed, octave_factors: nil, octave_offsets: nil,
      fine: nil, coarse: nil)
    if alternates { unsafe Self.alternate(&book, lines, least: bits) }
    isTapered = true
    unsafe tables = UnsafePointer(Self.keep([book]))
  }

  /// What makes a book round numbers between two values now up, now down (see codes.h).
  private static func alternate(
    _ book: inout descent_codebook, _ lines: [descent_segment], least: Int32
  ) {
    // Whole octaves, so few that their number and eleven bits of fraction are 16 bits.
    precondition(least >= Float(0x1p-31).bitPattern && lines.allSatisfy { $0.first % 1 << 23 == 0 })
    let octaves = (Int32(0)..<32).map { octave in
      let first = least + octave << 23
      let line = lines.last { $0.first <= first } ?? lines[0]
      let steps = 23 - line.shift
      let code = first >> line.shift + line.offset
      return (factor: UInt8(2 << steps), offset: UInt8(truncatingIfNeeded: code - octave << steps))
    }
    var random = RandomStream(seed: 0)
    let coarse = (0..<block).map { _ in UInt16(random.nextWord() >> 16) }
    // Evenly over 2¹², in an order far from theirs, from 4 up, where a product's rounding ends.
    let fine = (Int32(0)..<256).map { 16 * ($0 * 167 & 255) + ($0 % 2 == 0 ? 4 : 12) - least }
    unsafe book.octave_factors = keep(octaves.map { $0.factor })
    unsafe book.octave_offsets = keep(octaves.map { $0.offset })
    unsafe book.fine = keep(fine + fine)
    unsafe book.coarse = keep(coarse)
  }

  /// What shifts the phases in step t of a parameter for the slot of that position, at a block. The
  /// golden ratio spreads the phases of successive steps evenly, so that roundings of a number that
  /// hardly changes cancel soon; and they follow from places and steps alone, so that results depend
  /// neither on threads nor on where a run was resumed.
  package static func turn(_ t: Int, slot: Int, firstBlock: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: t) &* 0x9E37_79B9
      &+ UInt32(truncatingIfNeeded: slot) &* 0xC2B2_AE35
      &+ UInt32(truncatingIfNeeded: firstBlock) &* DESCENT_BLOCK_TURN
  }

  package init(_ values: [Float], rounding: Rounding = .nearest) {
    precondition(values.count == 256 && zip(values, values.dropFirst()).allSatisfy(<))
    self.values = values
    isTapered = false
    // A midpoint of two floats, in double, is exact; a float is above it when it is above the
    // largest float that is not.
    let midpoints = zip(values, values.dropFirst()).map { (Double($0) + Double($1)) / 2 }
    var thresholds = midpoints.map { Float($0, roundedDown: ()) } + [Float.infinity]
    // What is never negative becomes 0 only where it is 0.
    if values[0] == 0 { thresholds[0] = 0 }
    let limits = thresholds
    func nearest(_ x: Float) -> UInt8 { UInt8(limits.firstIndex { x <= $0 } ?? 255) }
    // A cell's least number: its own least magnitude, or below zero its largest.
    let cells = 0..<UInt32(DESCENT_CELLS)
    let first = UInt32(DESCENT_FIRST_CELL)
    let least =
      cells.map { $0 == 0 ? nearest(0) : nearest(Float(bitPattern: ($0 + first) << 16)) }
      + cells.map { nearest(-min(1, Float(bitPattern: ($0 + first) << 16 | 0xffff))) }
    var book = unsafe descent_codebook(
      values: Self.keep(values), thresholds: Self.keep(thresholds), least: Self.keep(least),
      zero: nearest(0), table: nil, segment_count: 0, segments: nil, shifts: nil, offsets: nil,
      halves: nil, is_signed: false, octave_factors: nil, octave_offsets: nil, fine: nil,
      coarse: nil)
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

  /// The book for loops, which must not outlive it.
  @safe
  package struct Reference: @unchecked Sendable {
    let tables: UnsafePointer<descent_codebook>
  }

  /// The book for loops.
  package var reference: Reference { unsafe Reference(tables: tables) }

  deinit {
    let book = unsafe tables.pointee
    unsafe book.values.deallocate()
    unsafe book.thresholds?.deallocate()
    unsafe book.least?.deallocate()
    unsafe book.segments?.deallocate()
    unsafe book.shifts?.deallocate()
    unsafe book.offsets?.deallocate()
    unsafe book.halves?.deallocate()
    unsafe book.table?.deallocate()
    unsafe book.octave_factors?.deallocate()
    unsafe book.octave_offsets?.deallocate()
    unsafe book.fine?.deallocate()
    unsafe book.coarse?.deallocate()
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
