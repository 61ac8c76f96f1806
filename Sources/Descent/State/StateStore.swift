import DescentCompute

/// The memory of a rule's state: one array for each slot of each parameter, in its format, all
/// allocated at the start so that no step allocates.
@safe
final class StateStore<S: Scalar>: @unchecked Sendable {
  /// One slot of one parameter.
  struct Entry {
    let slot: String
    let parameter: Int
    let shape: [Int]
    let format: StateStorage.Format
    let exemption: String?
    /// Where its array is in `arrays`.
    fileprivate let index: Int
    var count: Int { shape.reduce(1, *) }
    /// What it takes.
    var bytes: Int {
      switch format {
      case .float32: count * MemoryLayout<S>.stride
      case .bfloat16: count * MemoryLayout<UInt16>.stride
      case .int8: count + (count + Codebook.block - 1) / Codebook.block * MemoryLayout<Float>.stride
      }
    }
  }

  let entries: [Entry]
  /// The arrays, a parameter's side by side.
  private let arrays: UnsafeMutableBufferPointer<StoredArray<S>>
  /// The same as a block takes them, where they are not compressed.
  private let plain: UnsafeMutableBufferPointer<StateArray<S>>
  /// The places of each parameter's arrays, and whether one of them is compressed.
  private let ranges: [Range<Int>]
  private let isCompressed: [Bool]

  /// State for the trainable parameters, in the slots and the storage that each has.
  init(
    _ parameters: [ParameterInfo], storage: (Int) -> StateStorage, slots: (Int) -> [Slot]
  ) {
    var entries: [Entry] = []
    var stored = unsafe [StoredArray<S>]()
    var ranges: [Range<Int>] = []
    for (index, parameter) in parameters.enumerated() {
      let start = entries.count
      for slot in parameter.trainable ? slots(index) : [] {
        let storage = storage(index)
        let (format, exemption) = storage.format(of: slot, for: parameter)
        let entry = Entry(
          slot: slot.name, parameter: index, shape: slot.shape ?? parameter.shape, format: format,
          exemption: exemption, index: entries.count)
        entries.append(entry)
        unsafe stored.append(StoredArray(entry, slot, storage.codes))
      }
      ranges.append(start..<entries.count)
    }
    (self.entries, self.ranges) = (entries, ranges)
    isCompressed = ranges.map { entries[$0].contains { $0.format != .float32 } }
    unsafe arrays = .allocate(capacity: entries.count)
    _ = unsafe arrays.initialize(from: stored)
    unsafe plain = .allocate(capacity: entries.count)
    for index in entries.indices {
      guard case .plain(let array) = unsafe stored[index] else { continue }
      unsafe plain.initializeElement(at: index, to: array)
    }
  }

  deinit {
    for index in unsafe arrays.indices { unsafe arrays[index].deallocate() }
    unsafe arrays.deinitialize().deallocate()
    unsafe plain.deallocate()
  }

  /// Calls `body` with the arrays of a parameter as a rule reads them on a piece of it, and the
  /// place of the piece's first element in those that follow the parameter. Compressed ones are
  /// decoded when the body reads state, and encoded again when it writes.
  @inline(__always)
  func withArrays(
    of piece: BlockPlan.Piece, _ access: StateAccess,
    _ body: (UnsafeBufferPointer<StateArray<S>>, _ offset: Int) -> Void
  ) {
    let range = ranges[piece.parameter]
    if isCompressed[piece.parameter], access != .none {
      unsafe withDecoded(range, piece, writes: access == .writes, body)
    } else {
      unsafe body(UnsafeBufferPointer(rebasing: plain[range]), piece.offset)
    }
  }

  private func withDecoded(
    _ range: Range<Int>, _ piece: BlockPlan.Piece, writes: Bool,
    _ body: (UnsafeBufferPointer<StateArray<S>>, _ offset: Int) -> Void
  ) {
    // Room for the list of arrays, then for each; lines apart, so that they do not fall into the
    // same cache sets.
    let header = 1024
    let stride = (piece.count * MemoryLayout<S>.stride + 127) / 128 * 128 + 256
    precondition(unsafe range.count * MemoryLayout<StateArray<S>>.stride <= header)
    let scratch = unsafe ThreadPool.scratch(bytes: header + range.count * stride)
    let list = unsafe scratch.assumingMemoryBound(to: StateArray<S>.self)
    for (k, index) in range.enumerated() {
      let room = unsafe scratch + header + k * stride
      unsafe (list + k).initialize(to: arrays[index].decoded(piece, room))
    }
    unsafe body(UnsafeBufferPointer(start: list, count: range.count), 0)
    guard writes else { return }
    for (k, index) in range.enumerated() {
      unsafe arrays[index].encode(piece, from: scratch + header + k * stride)
    }
  }

  /// A copy of a slot's values, decoded.
  func values(_ entry: Entry) -> [S] {
    let whole = BlockPlan.Piece(parameter: entry.parameter, offset: 0, count: entry.count)
    return unsafe [S](unsafeUninitializedCapacity: entry.count) { buffer, count in
      let array = unsafe arrays[entry.index].decoded(
        whole, UnsafeMutableRawPointer(buffer.baseAddress!))
      if unsafe array.base != buffer.baseAddress! {
        unsafe buffer.baseAddress!.initialize(from: array.base, count: entry.count)
      }
      count = entry.count
    }
  }

  /// The arrays as they lie in memory, by the names under which they are saved.
  func places(of parameters: [ParameterInfo]) -> [StatePlace] {
    entries.flatMap { entry in
      unsafe arrays[entry.index].places(
        "state/\(entry.slot)/\(parameters[entry.parameter].name)", shape: entry.shape)
    }
  }

  /// Bytes of state, scalars excluded.
  var bytes: Int { entries.reduce(0) { $0 + $1.bytes } }
}

/// One state array as a rule reads it.
@unsafe
struct StateArray<S> {
  let base: UnsafeMutablePointer<S>
  /// Whether it is cut into blocks along with the parameter.
  let followsParameter: Bool
}

/// One state array as it lies in memory. Pieces of compressed ones begin at multiples of
/// ``Codebook/block``.
@unsafe
private enum StoredArray<S: Scalar> {
  case plain(StateArray<S>)
  case bfloat16(UnsafeMutablePointer<UInt16>)
  case int8(codes: UnsafeMutablePointer<UInt8>, scales: UnsafeMutablePointer<Float>, Codebook)

  /// An array with the slot's initial value.
  init(_ entry: StateStore<S>.Entry, _ slot: Slot, _ codes: StateStorage.Codes) {
    let count = max(entry.count, 1)
    switch entry.format {
    case .float32:
      let base = UnsafeMutablePointer<S>.allocate(capacity: count)
      unsafe base.initialize(repeating: S(slot.initial), count: count)
      unsafe self = .plain(StateArray(base: base, followsParameter: slot.shape == nil))
      return
    case .bfloat16:
      let base = UnsafeMutablePointer<UInt16>.allocate(capacity: count)
      unsafe base.initialize(repeating: 0, count: count)
      unsafe self = .bfloat16(base)
    case .int8:
      let base = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
      unsafe base.initialize(repeating: 0, count: count)
      let blocks = (count + Codebook.block - 1) / Codebook.block
      let scales = UnsafeMutablePointer<Float>.allocate(capacity: blocks)
      unsafe scales.initialize(repeating: 0, count: blocks)
      unsafe self = .int8(codes: base, scales: scales, DynamicMap.codebook(slot.range, codes))
    }
    guard slot.initial != 0 else { return }
    let initial = [S](repeating: S(slot.initial), count: count)
    let whole = BlockPlan.Piece(parameter: entry.parameter, offset: 0, count: count)
    unsafe initial.withUnsafeBytes { unsafe encode(whole, from: $0.baseAddress!) }
  }

  /// The array as a rule reads it, the piece's elements of a compressed one in `room`.
  func decoded(
    _ piece: BlockPlan.Piece, _ room: UnsafeMutableRawPointer
  ) -> StateArray<S> {
    let floats = unsafe room.assumingMemoryBound(to: Float.self)
    switch unsafe self {
    case .plain(let array):
      return unsafe StateArray(
        base: array.base + (array.followsParameter ? piece.offset : 0),
        followsParameter: array.followsParameter)
    case .bfloat16(let base):
      unsafe Kernels.fromBFloat16(
        View(base + piece.offset, count: piece.count), MutableView(floats, count: piece.count))
    case .int8(let codes, let scales, let book):
      unsafe Kernels.decode(
        View(codes + piece.offset, count: piece.count),
        scales: View(
          scales + piece.offset / Codebook.block, count: Codebook.blocks(of: piece.count)),
        book, MutableView(floats, count: piece.count))
    }
    return unsafe StateArray(base: room.assumingMemoryBound(to: S.self), followsParameter: true)
  }

  /// Takes the piece's elements back, where they are not in place.
  func encode(_ piece: BlockPlan.Piece, from room: UnsafeRawPointer) {
    let floats = unsafe room.assumingMemoryBound(to: Float.self)
    switch unsafe self {
    case .plain: break
    case .bfloat16(let base):
      unsafe Kernels.toBFloat16(
        View(floats, count: piece.count), MutableView(base + piece.offset, count: piece.count))
    case .int8(let codes, let scales, let book):
      unsafe Kernels.encode(
        View(floats, count: piece.count), book,
        scales: MutableView(
          scales + piece.offset / Codebook.block, count: Codebook.blocks(of: piece.count)),
        codes: MutableView(codes + piece.offset, count: piece.count))
    }
  }

  /// The memory to save.
  func places(_ name: String, shape: [Int]) -> [StatePlace] {
    switch unsafe self {
    case .plain(let array): return unsafe [StatePlace(name, shape: shape, array.base)]
    case .bfloat16(let base): return unsafe [StatePlace(name, shape: shape, base)]
    case .int8(let codes, let scales, _):
      let blocks = (shape.reduce(1, *) + Codebook.block - 1) / Codebook.block
      return unsafe [
        StatePlace(name + ".codes", shape: shape, codes),
        StatePlace(name + ".scales", shape: [blocks], scales),
      ]
    }
  }

  func deallocate() {
    switch unsafe self {
    case .plain(let array): unsafe array.base.deallocate()
    case .bfloat16(let base): unsafe base.deallocate()
    case .int8(let codes, let scales, _):
      unsafe codes.deallocate()
      unsafe scales.deallocate()
    }
  }
}
