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

  /// What became of a compressed array while a block was worked on.
  private enum Use: UInt8 {
    /// Nobody asked for it.
    case none
    /// It was decoded into its room.
    case decoded
    /// It was given away as it is kept.
    case given
  }

  /// A block's compressed arrays: decoded when they are asked for.
  @unsafe
  struct Lender {
    fileprivate let arrays: UnsafePointer<CodedArray?>
    fileprivate let rooms: UnsafePointer<SlotArray<Float>>
    fileprivate let uses: UnsafeMutablePointer<UInt8>
    fileprivate let range: Range<Int>
    fileprivate let step: Int
    fileprivate let writes: Bool

    /// Decodes an array, unless it is decoded or not compressed.
    func decode(_ k: Int) {
      guard unsafe uses[k] == Use.none.rawValue, let array = unsafe arrays[k] else { return }
      unsafe uses[k] = Use.decoded.rawValue
      unsafe array.decode(range, into: rooms[k].view)
    }

    /// An array as it is kept; nil where it is decoded or not compressed.
    func give(_ k: Int) -> StateView? {
      guard unsafe uses[k] != Use.decoded.rawValue, let array = unsafe arrays[k] else { return nil }
      unsafe uses[k] = Use.given.rawValue
      return unsafe .coded(array, range, t: step, slot: k, writes: writes)
    }
  }

  /// Calls `body` with the elements of a range, and encodes again what it decoded, where it writes. `atOnce`
  /// decodes all before, for bodies that run on several threads.
  func withDecoded(
    _ range: Range<Int>, writes: Bool, step: Int, atOnce: Bool,
    _ body: (SlotArrays<Float>, _ offset: Int) -> Void
  ) {
    // Room for the list of arrays and their uses, then for each; lines apart, so that they do not fall into
    // the same cache sets.
    let count = unsafe slots.count
    let list = count * MemoryLayout<SlotArray<Float>>.stride
    let header = (list + count + 1023) / 1024 * 1024
    let stride = (range.count * MemoryLayout<Float>.stride + 127) / 128 * 128 + 256
    withScratch(of: UInt8.self, header + count * stride) { scratch in
      let scratch = unsafe UnsafeMutableRawPointer(scratch.base)
      let rooms = unsafe scratch.assumingMemoryBound(to: SlotArray<Float>.self)
      let uses = unsafe (scratch + list).assumingMemoryBound(to: UInt8.self)
      for k in 0..<count {
        unsafe uses[k] = Use.none.rawValue
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
        arrays: coded, rooms: rooms, uses: uses, range: range, step: step, writes: writes)
      if atOnce { for k in 0..<count { unsafe lender.decode(k) } }
      unsafe body(SlotArrays(slots, rooms, lender), 0)
      guard writes else { return }
      for k in 0..<count where unsafe uses[k] == Use.decoded.rawValue {
        let turn = Codebook.turn(step, slot: k, firstBlock: range.lowerBound / Codebook.block)
        unsafe coded[k]?.encode(range, turn: turn, from: rooms[k].view)
      }
    }
  }
}
