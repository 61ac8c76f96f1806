/// The memory of a rule's state: one array for each slot of each parameter, in its format, all
/// allocated at the start so that no step allocates.
@safe
final class StateStore<S: Scalar>: @unchecked Sendable {
  /// One slot of one parameter.
  struct Entry {
    let slot: Slot
    let parameter: Int
    let shape: [Int]
    let format: StateStorage.Format
    let exemption: String?
    /// Its position in the store.
    fileprivate let index: Int
    var count: Int { shape.reduce(1, *) }
    /// What it takes.
    var bytes: Int {
      switch format {
      case .float32: count * MemoryLayout<S>.stride
      case .bfloat16: count * MemoryLayout<UInt16>.stride
      case .int8: count + Codebook.blocks(of: count) * MemoryLayout<Float>.stride
      }
    }
  }

  let entries: [Entry]
  /// The arrays, a parameter's side by side.
  private let arrays: [StoredArray<S>]
  /// The slots of the arrays, the arrays that are not compressed, as a block takes them, and those that
  /// are.
  private let slots: UnsafeMutableBufferPointer<Slot>
  private let plain: UnsafeMutableBufferPointer<SlotArray<S>>
  private let coded: UnsafeMutableBufferPointer<CodedArray?>
  /// The arrays of each parameter, and whether one of them is compressed.
  private let ranges: [Range<Int>]
  let isCompressed: [Bool]

  /// State for the trainable parameters, in the slots and the storage that each has.
  init(
    _ parameters: [ParameterInfo], storage: (Int) -> StateStorage, slots: (Int) -> [Slot]
  ) {
    let entries = Self.entries(parameters, storage: storage, slots: slots)
    arrays = entries.map { StoredArray($0, storage($0.parameter)) }
    var ranges: [Range<Int>] = []
    for index in parameters.indices {
      let start = ranges.last?.upperBound ?? 0
      let count = entries[start...].prefix { $0.parameter == index }.count
      ranges.append(start..<start + count)
    }
    (self.entries, self.ranges) = (entries, ranges)
    isCompressed = ranges.map { entries[$0].contains { $0.format != .float32 } }
    unsafe self.slots = .allocate(capacity: entries.count)
    _ = unsafe self.slots.initialize(from: entries.map(\.slot))
    unsafe coded = .allocate(capacity: entries.count)
    _ = unsafe coded.initialize(from: arrays.map(\.coded))
    unsafe plain = .allocate(capacity: entries.count)
    for index in entries.indices {
      guard case .plain(let memory) = arrays[index] else { continue }
      unsafe plain.initializeElement(
        at: index,
        to: SlotArray(view: memory.view, followsParameter: entries[index].slot.shape == nil))
    }
  }

  /// What there is to keep for the trainable parameters: known before any of it is allocated.
  static func entries(
    _ parameters: [ParameterInfo], storage: (Int) -> StateStorage, slots: (Int) -> [Slot]
  ) -> [Entry] {
    var entries: [Entry] = []
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      let storage = storage(index)
      for slot in slots(index) {
        let (format, exemption) = storage.format(of: slot, for: parameter)
        entries.append(
          Entry(
            slot: slot, parameter: index, shape: slot.shape ?? parameter.shape, format: format,
            exemption: exemption, index: entries.count))
      }
    }
    return entries
  }

  deinit {
    unsafe slots.deinitialize().deallocate()
    unsafe plain.deallocate()
    unsafe coded.deallocate()
  }

  /// Calls `body` with the arrays of a parameter as a rule reads them on a piece of it, and the
  /// position of the piece's first element in those that follow the parameter. Compressed ones are
  /// decoded when the body asks for them, or `atOnce`, or lent as they are kept; those that were decoded are
  /// encoded again when it writes. `step` is the
  /// parameter's count of updates, which decides how codes are rounded.
  @inline(__always)
  func withArrays(
    of piece: BlockPlan.Piece, _ access: StateAccess, step: Int, atOnce: Bool,
    _ body: (SlotArrays<S>, _ offset: Int) -> Void
  ) {
    let range = ranges[piece.parameter]
    if isCompressed[piece.parameter], access != .none {
      // Compressed state is that of floats.
      let arrays = unsafe CodedArrays(
        slots(range),
        plain: UnsafeRawPointer(plain.baseAddress! + range.lowerBound)
          .assumingMemoryBound(to: SlotArray<Float>.self),
        coded: coded.baseAddress! + range.lowerBound)
      arrays.lend(piece.range, writes: access == .writes, step: step, atOnce: atOnce) {
        body(unsafe unsafeBitCast($0, to: SlotArrays<S>.self), 0)
      }
    } else {
      unsafe body(SlotArrays(slots(range), plain.baseAddress! + range.lowerBound), piece.offset)
    }
  }

  private func slots(_ range: Range<Int>) -> UnsafeBufferPointer<Slot> {
    unsafe UnsafeBufferPointer(rebasing: slots[range])
  }

  /// A copy of a slot's values, decoded.
  func values(_ entry: Entry) -> [S] {
    if case .plain(let memory) = arrays[entry.index] {
      return memory.view.indices.map { memory.view[$0] }
    }
    let whole = BlockPlan.Piece(parameter: entry.parameter, offset: 0, count: entry.count)
    return unsafe [S](unsafeUninitializedCapacity: entry.count) { buffer, count in
      arrays[entry.index].decode(
        whole, into: unsafe MutableView(buffer.baseAddress!, count: entry.count))
      count = entry.count
    }
  }

  /// Bytes of state, scalars excluded.
  var bytes: Int { entries.reduce(0) { $0 + $1.bytes } }

  /// The arrays of the parameters, as they are kept.
  func archive(
    _ archive: StateArchive, of parameters: [ParameterInfo]
  ) throws(StateMismatch) {
    for entry in entries {
      let name = "state/\(entry.slot.name)/\(parameters[entry.parameter].name)"
      let array = arrays[entry.index]
      if let storage = archive.storageToConvert(name, to: entry.format, isTapered: array.isTapered)
      {
        try convert(entry, from: storage, archive, name)
      } else {
        try array.archive(archive, name, shape: entry.shape)
      }
    }
  }

  /// Takes over an array that was saved in another format: it is read as it was kept, decoded, and
  /// encoded as it is kept now, block by block.
  private func convert(
    _ entry: Entry, from storage: StateStorage, _ archive: StateArchive, _ name: String
  ) throws(StateMismatch) {
    let saved = StoredArray(
      Entry(
        slot: entry.slot, parameter: entry.parameter, shape: entry.shape, format: storage.format,
        exemption: nil, index: entry.index), storage)
    try saved.archive(archive, name, shape: entry.shape)
    guard archive.isRestoring else { return }
    let (array, size) = (arrays[entry.index], BlockPlan.blockSize)
    ThreadPool.shared.forEachChunk(of: entry.count, size: size) { range in
      let room = StateMemory<S>(count: range.count, initial: 0)
      let piece = BlockPlan.Piece(
        parameter: entry.parameter, offset: range.lowerBound, count: range.count)
      withExtendedLifetime(room) {
        saved.read(piece, into: room.view)
        array.write(piece, from: room.view)
      }
    }
  }
}

/// One state array as it is kept. Pieces of compressed ones begin at multiples of
/// ``Codebook/block``.
private enum StoredArray<S: Scalar> {
  case plain(StateMemory<S>)
  case bfloat16(StateMemory<UInt16>)
  case int8(codes: StateMemory<UInt8>, scales: StateMemory<Float>, Codebook)

  /// An array with the slot's initial value.
  init(_ entry: StateStore<S>.Entry, _ storage: StateStorage) {
    let (count, slot) = (entry.count, entry.slot)
    switch entry.format {
    case .float32:
      self = .plain(StateMemory(count: count, initial: S(slot.initial)))
      return
    case .bfloat16: self = .bfloat16(StateMemory(count: count, initial: 0))
    case .int8:
      self = .int8(
        codes: StateMemory(count: count, initial: 0),
        scales: StateMemory(count: Codebook.blocks(of: count), initial: 0),
        storage.codebook(slot.range))
    }
    guard slot.initial != 0, count > 0 else { return }
    let initial = StateMemory(count: count, initial: S(slot.initial))
    encode(
      BlockPlan.Piece(parameter: entry.parameter, offset: 0, count: count), from: initial.view)
  }

  /// The array as sweeps see it, where it is compressed.
  var coded: CodedArray? {
    switch self {
    case .plain: nil
    case .bfloat16(let memory): .bfloat16(memory.view)
    case .int8(let codes, let scales, let book):
      .int8(codes: codes.view, scales: scales.view, book.reference)
    }
  }

  /// Decodes the piece's elements of a compressed array, which are floats.
  func decode(_ piece: BlockPlan.Piece, into room: MutableView<S>) {
    coded?.decode(piece.range, into: room.cast(to: Float.self))
  }

  /// Takes the piece's elements back into a compressed array, as before the first step.
  func encode(_ piece: BlockPlan.Piece, from room: MutableView<S>) {
    coded?.encode(piece.range, step: 0, slot: 0, from: room.cast(to: Float.self))
  }

  /// Copies the piece's elements, decoded.
  func read(_ piece: BlockPlan.Piece, into room: MutableView<S>) {
    if case .plain(let memory) = self { room.copy(memory.view[piece.range].reading) }
    decode(piece, into: room)
  }

  /// Takes the piece's elements, encoded where the array is compressed.
  func write(_ piece: BlockPlan.Piece, from room: MutableView<S>) {
    if case .plain(let memory) = self { memory.view[piece.range].copy(room.reading) }
    encode(piece, from: room)
  }

  /// Whether it has tapered codes.
  var isTapered: Bool { if case .int8(_, _, let book) = self { book.isTapered } else { false } }

  func archive(
    _ archive: StateArchive, _ name: String, shape: [Int]
  ) throws(StateMismatch) {
    switch self {
    case .plain(let memory): try archive.tensor(name, shape: shape, memory.view)
    case .bfloat16(let memory): try archive.tensor(name, shape: shape, memory.view)
    case .int8(let codes, let scales, let book):
      // Codes of different maps must not be taken for each other.
      let kind = book.isTapered ? ".tapered" : ".codes"
      try archive.tensor(name + kind, shape: shape, codes.view)
      try archive.tensor(name + ".scales", shape: [scales.view.count], scales.view)
    }
  }
}
