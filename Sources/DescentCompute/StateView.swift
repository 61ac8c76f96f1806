/// An array that is kept in fewer bits, as sweeps over blocks decode and encode it. It keeps no memory alive:
/// counting references from several threads at once would cost more than the work.
package enum CodedArray {
  case bfloat16(MutableView<UInt16>)
  case int8(codes: MutableView<UInt8>, scales: MutableView<Float>, Codebook.Reference)

  /// Decodes the elements of a range, which begins at a multiple of ``Codebook/block``.
  package func decode(_ range: Range<Int>, into room: MutableView<Float>) {
    switch self {
    case .bfloat16(let bits): Kernels.fromBFloat16(bits[range].reading, room)
    case .int8(let codes, let scales, let book):
      Kernels.decode(
        codes[range].reading, scales: scales[Self.blocks(of: range)].reading, book, room)
    }
  }

  /// Takes the elements of a range back. `step` and `slot`, the slot's place, decide how codes are rounded.
  package func encode(_ range: Range<Int>, step: Int, slot: Int, from room: MutableView<Float>) {
    switch self {
    case .bfloat16(let bits): Kernels.toBFloat16(room.reading, bits[range])
    case .int8(let codes, let scales, let book):
      let blocks = Self.blocks(of: range)
      Kernels.encode(
        room.reading, book,
        turn: Codebook.turn(step, slot: slot, firstBlock: blocks.lowerBound),
        scales: scales[blocks], codes: codes[range])
    }
  }

  private static func blocks(of range: Range<Int>) -> Range<Int> {
    let first = range.lowerBound / Codebook.block
    return first..<first + Codebook.blocks(of: range.count)
  }
}

/// A part of an array of optimizer state, as floats or as it is kept.
package enum StateView {
  case floats(MutableView<Float>)
  /// The elements of a range, which begins at a multiple of ``Codebook/block``. `step` and `slot`, the slot's
  /// place, decide how codes are rounded, where the loop `writes`.
  case coded(CodedArray, Range<Int>, step: Int, slot: Int, writes: Bool)

  var count: Int {
    switch self {
    case .floats(let view): view.count
    case .coded(_, let range, _, _, _): range.count
    }
  }

  /// Where the elements begin, if they are all floats or all of bfloat16.
  private func base(half: Bool) -> UnsafeMutableRawPointer? {
    switch (self, half) {
    case (.floats(let view), false): unsafe UnsafeMutableRawPointer(view.base)
    case (.coded(.bfloat16(let bits), let range, _, _, _), true):
      unsafe UnsafeMutableRawPointer(bits[range].base)
    default: nil
    }
  }

  /// Some elements as floats: where they lie, or decoded into `room`.
  private func begin(_ part: Range<Int>, _ room: MutableView<Float>) -> MutableView<Float> {
    switch self {
    case .floats(let view): return view[part]
    case .coded(let array, let range, _, _, _):
      let (room, first) = (room[0..<part.count], range.lowerBound + part.lowerBound)
      array.decode(first..<first + part.count, into: room)
      return room
    }
  }

  /// Takes them back.
  private func end(_ part: Range<Int>, _ floats: MutableView<Float>) {
    guard case .coded(let array, let range, let step, let slot, true) = self else { return }
    let first = range.lowerBound + part.lowerBound
    array.encode(first..<first + part.count, step: step, slot: slot, from: floats)
  }

  /// How many elements are decoded, updated and encoded at once: few enough for all of them to stay in the
  /// first-level cache; a multiple of ``Codebook/block`` and of the 512 elements that loops with sums add up first.
  private static let partSize = 1024

  /// A run of elements of up to three arrays, for a loop of ``Kernels``.
  @unsafe
  struct Part {
    let range: Range<Int>
    let (a, b, c): (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?)
    /// Whether they lie in bfloat16 instead of floats.
    let half: Bool

    var count: Int { unsafe range.count }

    /// Where those elements of other arrays begin, which have as many as the state.
    func of(_ x: MutableView<Float>) -> UnsafeMutablePointer<Float> {
      unsafe x.base + range.lowerBound
    }
    func of(_ x: ScaledView<Float>) -> UnsafePointer<Float> {
      unsafe x.elements.base + range.lowerBound
    }

    fileprivate init(
      _ range: Range<Int>, _ a: UnsafeMutableRawPointer?, _ b: UnsafeMutableRawPointer?,
      _ c: UnsafeMutableRawPointer?, half: Bool
    ) {
      unsafe (self.range, self.a, self.b, self.c, self.half) = (range, a, b, c, half)
    }

    /// All elements; nil unless those of all arrays lie in that way.
    fileprivate init?(
      whole count: Int, _ a: StateView?, _ b: StateView?, _ c: StateView?, half: Bool
    ) {
      let (x, y, z) = unsafe (a?.base(half: half), b?.base(half: half), c?.base(half: half))
      guard unsafe (a == nil) == (x == nil), unsafe (b == nil) == (y == nil),
        unsafe (c == nil) == (z == nil)
      else { return nil }
      unsafe self.init(0..<count, x, y, z, half: half)
    }
  }

  /// Calls `body` with up to three arrays of as many elements: at once where all are floats or all in bfloat16,
  /// else in parts that are decoded before and encoded after.
  @inline(__always)
  static func inParts(
    of count: Int, _ a: StateView?, _ b: StateView? = nil, _ c: StateView? = nil,
    _ body: (Part) -> Void
  ) {
    precondition(
      (a?.count ?? count) == count && (b?.count ?? count) == count && (c?.count ?? count) == count)
    if let part = unsafe Part(whole: count, a, b, c, half: false) { return unsafe body(part) }
    if let part = unsafe Part(whole: count, a, b, c, half: true) { return unsafe body(part) }
    // Apart, so that they do not fall into the same cache sets.
    let roomSize = partSize + 64
    withScratch(of: Float.self, 3 * roomSize) { rooms in
      for start in stride(from: 0, to: count, by: partSize) {
        let part = start..<min(start + partSize, count)
        let x = a?.begin(part, rooms.row(0, roomSize))
        let y = b?.begin(part, rooms.row(1, roomSize))
        let z = c?.begin(part, rooms.row(2, roomSize))
        unsafe body(Part(part, x?.raw, y?.raw, z?.raw, half: false))
        if let x { a?.end(part, x) }
        if let y { b?.end(part, y) }
        if let z { c?.end(part, z) }
      }
    }
  }
}

extension MutableView<Float> {
  fileprivate var raw: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(base) }
}
