/// The state of a parameter, some of whose arrays are compressed. What it points to must outlive it.
@safe
struct CodedArrays {
  private let slots: UnsafeBufferPointer<Slot>
  private let plain: UnsafePointer<SlotArray<Float>>
  private let coded: UnsafePointer<CodedArray?>

  /// How many elements are best decoded, updated and encoded at once by a rule's own loop: few enough for what is
  /// decoded to stay in the first-level cache. Loops of ``Kernels`` cut for themselves.
  static let size = 4096

  /// For each slot an array: `coded`, or where that has none, `plain`.
  init(
    _ slots: UnsafeBufferPointer<Slot>, plain: UnsafePointer<SlotArray<Float>>,
    coded: UnsafePointer<CodedArray?>
  ) {
    unsafe (self.slots, self.plain, self.coded) = (slots, plain, coded)
  }

  /// A block's compressed arrays: decoded when they are asked for.
  @unsafe
  struct Lender {
    fileprivate let arrays: UnsafePointer<CodedArray?>
    fileprivate let rooms: UnsafePointer<SlotArray<Float>>
    /// Which of them are decoded.
    fileprivate let isDecoded: UnsafeMutablePointer<Bool>
    fileprivate let range: Range<Int>
    fileprivate let step: Int
    fileprivate let writes: Bool

    /// Decodes an array, unless it is decoded or not compressed.
    func decode(_ k: Int) {
      guard unsafe !isDecoded[k], let array = unsafe arrays[k] else { return }
      unsafe isDecoded[k] = true
      unsafe array.decode(range, into: rooms[k].view)
    }

    /// An array as it is kept; nil where it is decoded or not compressed. A loop may write it, if the pass
    /// does.
    func lend(_ k: Int, writes: Bool) -> StateView? {
      guard unsafe !isDecoded[k], let array = unsafe arrays[k] else { return nil }
      return unsafe .coded(array, range, step: step, slot: k, writes: writes && self.writes)
    }
  }

  /// Calls `body` with the arrays for a range, and encodes those again that were decoded, if it writes.
  /// `atOnce` decodes all before, for bodies that run on several threads.
  func lend(
    _ range: Range<Int>, writes: Bool, step: Int, atOnce: Bool, _ body: (SlotArrays<Float>) -> Void
  ) {
    // Room for the list of arrays and what is decoded, then for each; lines apart, so that they do not fall
    // into the same cache sets.
    let count = unsafe slots.count
    let list = count * MemoryLayout<SlotArray<Float>>.stride
    let header = (list + count + 1023) / 1024 * 1024
    let stride = (range.count * MemoryLayout<Float>.stride + 127) / 128 * 128 + 256
    withScratch(of: UInt8.self, header + count * stride) { scratch in
      let scratch = unsafe UnsafeMutableRawPointer(scratch.base)
      let rooms = unsafe scratch.assumingMemoryBound(to: SlotArray<Float>.self)
      let isDecoded = unsafe (scratch + list).assumingMemoryBound(to: Bool.self)
      for k in 0..<count {
        unsafe (isDecoded + k).initialize(to: false)
        let array =
          if unsafe coded[k] != nil {
            unsafe SlotArray(
              view: MutableView(
                (scratch + header + k * stride).assumingMemoryBound(to: Float.self),
                count: range.count), followsParameter: true)
          } else if unsafe plain[k].followsParameter {
            unsafe SlotArray(view: plain[k].view[range], followsParameter: true)
          } else {
            unsafe plain[k]
          }
        unsafe (rooms + k).initialize(to: array)
      }
      let lender = unsafe Lender(
        arrays: coded, rooms: rooms, isDecoded: isDecoded, range: range, step: step, writes: writes)
      if atOnce { for k in 0..<count { unsafe lender.decode(k) } }
      unsafe body(SlotArrays(slots, rooms, lender))
      guard writes else { return }
      for k in 0..<count where unsafe isDecoded[k] {
        unsafe coded[k]?.encode(range, step: step, slot: k, from: rooms[k].view)
      }
    }
  }
}
