/// A compressed array as sweeps over blocks decode and encode it. It keeps no memory alive: counting
/// references from several threads at once would cost more than the work.
enum CodedArray {
  case bfloat16(MutableView<UInt16>)
  case int8(codes: MutableView<UInt8>, scales: MutableView<Float>, Codebook.Reference)

  /// Decodes the elements of a range, which begins at a multiple of ``Codebook/block``.
  func decode(_ range: Range<Int>, into room: MutableView<Float>) {
    switch self {
    case .bfloat16(let bits): Kernels.fromBFloat16(bits[range].reading, room)
    case .int8(let codes, let scales, let book):
      Kernels.decode(
        codes[range].reading, scales: scales[Self.blocks(of: range)].reading, book, room)
    }
  }

  /// Takes the elements of a range back.
  func encode(_ range: Range<Int>, turn: UInt32, from room: MutableView<Float>) {
    switch self {
    case .bfloat16(let bits): Kernels.toBFloat16(room.reading, bits[range])
    case .int8(let codes, let scales, let book):
      Kernels.encode(
        room.reading, book, turn: turn, scales: scales[Self.blocks(of: range)], codes: codes[range])
    }
  }

  private static func blocks(of range: Range<Int>) -> Range<Int> {
    let first = range.lowerBound / Codebook.block
    return first..<first + Codebook.blocks(of: range.count)
  }
}

/// The state of a parameter, some of whose arrays are compressed. What it points to must outlive it.
@safe
struct CodedArrays {
  private let slots: UnsafeBufferPointer<Slot>
  private let plain: UnsafePointer<SlotArray<Float>>
  private let coded: UnsafePointer<CodedArray?>

  /// How many elements are best decoded, updated and encoded at once: few enough for what is decoded to stay in
  /// the first-level cache.
  static let size = 4096

  /// For each slot an array: `coded`, or where that has none, `plain`.
  init(
    _ slots: UnsafeBufferPointer<Slot>, plain: UnsafePointer<SlotArray<Float>>,
    coded: UnsafePointer<CodedArray?>
  ) {
    unsafe (self.slots, self.plain, self.coded) = (slots, plain, coded)
  }

  /// Calls `body` with the elements of a range, decoded, and encodes them again where it writes.
  func withDecoded(
    _ range: Range<Int>, writes: Bool, step: Int, _ body: (SlotArrays<Float>, _ offset: Int) -> Void
  ) {
    // Room for the list of arrays, then for each; lines apart, so that they do not fall into the
    // same cache sets.
    let count = unsafe slots.count
    let header = (count * MemoryLayout<SlotArray<Float>>.stride + 1023) / 1024 * 1024
    let stride = (range.count * MemoryLayout<Float>.stride + 127) / 128 * 128 + 256
    withScratch(of: UInt8.self, header + count * stride) { scratch in
      let scratch = unsafe UnsafeMutableRawPointer(scratch.base)
      let list = unsafe scratch.assumingMemoryBound(to: SlotArray<Float>.self)
      func room(_ k: Int) -> MutableView<Float> {
        unsafe MutableView(
          (scratch + header + k * stride).assumingMemoryBound(to: Float.self), count: range.count)
      }
      for k in 0..<count {
        if let array = unsafe coded[k] {
          array.decode(range, into: room(k))
          unsafe (list + k).initialize(to: SlotArray(view: room(k), followsParameter: true))
        } else if unsafe plain[k].followsParameter {
          let part = unsafe plain[k].view[range]
          unsafe (list + k).initialize(to: SlotArray(view: part, followsParameter: true))
        } else {
          unsafe (list + k).initialize(to: plain[k])
        }
      }
      unsafe body(SlotArrays(slots, list), 0)
      guard writes else { return }
      for k in 0..<count {
        guard let array = unsafe coded[k] else { continue }
        let turn = Codebook.turn(step, slot: k, firstBlock: range.lowerBound / Codebook.block)
        array.encode(range, turn: turn, from: room(k))
      }
    }
  }
}
