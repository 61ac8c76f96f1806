internal import DescentCompute
internal import DescentFiles
internal import Synchronization

/// Where the numbers of tensors lie: in a buffer of the pool, given back when the last tensor lets go of
/// it, or in a file that is mapped into memory, which is only read.
///
/// Numbers lie in 32 bits or in 16: weights that their owner keeps so, those of a file, and what a
/// derivative has kept. What reads them at their place takes ``matrix(_:_:)`` or ``widen(_:into:)``; an
/// operation that changes 16 bits works on a copy in 32.
@safe
final class TensorStorage: @unchecked Sendable {
  // Tensors write only to storage that they alone refer to, which is what makes sharing safe.
  let count: Int
  /// The format in which the numbers lie.
  let format: NumberFormat
  private let buffer: UnsafeMutableRawPointer
  private let owner: Owner
  /// The same numbers in another width, where they were asked for.
  private let forms = Mutex(Forms())

  private struct Forms {
    /// What ``elements`` made of 16 bits.
    var widened: TensorStorage?
    /// What ``narrowed(to:)`` made of 32; it lives as long as somebody keeps it.
    weak var narrowed: TensorStorage?
  }

  private enum Owner {
    case pool(size: Int)
    case file(MappedFile)
  }

  /// Room for `count` elements with undefined contents.
  init(count: Int, format: NumberFormat = .float32) {
    (self.count, self.format) = (count, format)
    let size = TensorPool.bufferSize(for: count * format.byteCount)
    owner = .pool(size: size)
    unsafe buffer = TensorPool.take(size)
    if format == .float32 {
      unsafe buffer.bindMemory(to: Float.self, capacity: count)
    } else {
      unsafe buffer.bindMemory(to: UInt16.self, capacity: count)
    }
  }

  /// The numbers in a file from byte `offset` on; copied where they do not lie as the processor reads
  /// them.
  convenience init(count: Int, format: NumberFormat, in file: MappedFile, at offset: Int) {
    let bytes = count * format.byteCount
    let address = unsafe file.address(of: offset, bytes: bytes)
    if UInt(bitPattern: address) % UInt(format.byteCount) == 0 {
      unsafe self.init(
        count: count, format: format, UnsafeMutableRawPointer(mutating: address), file)
    } else {
      self.init(count: count, format: format)
      unsafe buffer.copyMemory(from: address, byteCount: bytes)
    }
  }

  private init(
    count: Int, format: NumberFormat, _ address: UnsafeMutableRawPointer, _ file: MappedFile
  ) {
    (self.count, self.format, owner) = (count, format, .file(file))
    unsafe buffer = address
  }

  deinit { if case .pool(let size) = owner { unsafe TensorPool.giveBack(buffer, size) } }

  /// Whether the numbers lie in a buffer of the pool.
  var isOfPool: Bool { if case .pool = owner { true } else { false } }

  /// Whether the numbers may be changed where they lie, as floats.
  var isWritable: Bool { isOfPool && format == .float32 }

  /// The numbers as floats. Those that lie in 16 bits are widened to a copy that stays as long as they
  /// do.
  var elements: View<Float> {
    if format == .float32 {
      return unsafe View(UnsafePointer(buffer.assumingMemoryBound(to: Float.self)), count: count)
    }
    return forms.withLock { forms in
      if forms.widened == nil {
        let made = TensorStorage(count: count)
        widen(0..<count, into: made.mutableElements)
        forms.widened = made
      }
      return forms.widened!.elements
    }
  }

  /// The same numbers, all of which are bfloat16's, in 16 bits: what several derivatives keep is made
  /// once.
  func narrowed() -> TensorStorage {
    if format != .float32 { return self }
    return forms.withLock { forms in
      if let made = forms.narrowed { return made }
      let made = rounded()
      forms.narrowed = made
      return made
    }
  }

  /// The nearest numbers of bfloat16, in 16 bits.
  func rounded() -> TensorStorage {
    let y = TensorStorage(count: count, format: .bfloat16)
    inChunks(of: count) { Kernels.toBFloat16(elements[$0], y.mutableHalves[$0]) }
    return y
  }

  /// A copy as wide as this.
  func copied() -> TensorStorage {
    let y = TensorStorage(count: count, format: format)
    y.copy(self)
    return y
  }

  /// Takes over as many numbers of the same format.
  func copy(_ x: TensorStorage) {
    precondition(x.count == count && x.format == format)
    if format == .float32 {
      inChunks(of: count) { mutableElements[$0].copy(x.elements[$0]) }
    } else {
      inChunks(of: count) { mutableHalves[$0].copy(x.halves[$0]) }
      forget()
    }
  }

  /// Drops what was made of numbers that change now.
  func forget() { forms.withLock { $0 = Forms() } }

  var mutableElements: MutableView<Float> {
    precondition(isWritable)
    return unsafe MutableView(buffer.assumingMemoryBound(to: Float.self), count: count)
  }

  /// The bits of numbers that lie in 16.
  var halves: View<UInt16> {
    precondition(format != .float32)
    return unsafe View(UnsafePointer(buffer.assumingMemoryBound(to: UInt16.self)), count: count)
  }

  /// The same, to be changed by whoever alone refers to them: see ``forget()``.
  var mutableHalves: MutableView<UInt16> {
    guard case .pool = owner, format != .float32 else { preconditionFailure() }
    return unsafe MutableView(buffer.assumingMemoryBound(to: UInt16.self), count: count)
  }

  /// Writes a range of the numbers to `y` as floats, on all threads.
  func widen(_ range: Range<Int>, into y: MutableView<Float>) {
    inChunks(of: range.count) { part in
      let start = range.lowerBound
      widenSerially(start + part.lowerBound..<start + part.upperBound, into: y[part])
    }
  }

  /// The same on the calling thread.
  func widenSerially(_ range: Range<Int>, into y: MutableView<Float>) {
    if format == .float32 {
      y.copy(elements[range])
    } else {
      Kernels.widen(halves[range], format, y)
    }
  }

  /// Whether no number is NaN or infinite.
  var areFinite: Bool {
    if format == .float32 { return Kernels.maxMagnitude(elements).isFinite }
    let exponent: UInt16 = format == .bfloat16 ? 0x7F80 : 0x7C00
    let x = halves
    let bad = Atomic(false)
    inChunks(of: count, size: 1 << 18) { range in
      let part = x[range]
      var found = 0
      for i in 0..<part.count { found += part[i] & exponent == exponent ? 1 : 0 }
      if found > 0 { bad.store(true, ordering: .relaxed) }
    }
    return !bad.load(ordering: .relaxed)
  }

  /// A copy of a matrix that is stored the other way round, in the same format.
  func transposed(rows: Int, columns: Int) -> TensorStorage {
    let y = TensorStorage(count: count, format: format)
    func copy<Element>(_ x: View<Element>, _ y: MutableView<Element>) {
      inRows(of: columns, rows) { range in
        for c in range {
          for r in 0..<rows { y[c * rows + r] = x[r * columns + c] }
        }
      }
    }
    if format == .float32 {
      copy(elements, y.mutableElements)
    } else {
      copy(halves, y.mutableHalves)
    }
    return y
  }

  /// The numbers as a matrix that a product can read.
  func matrix(_ rows: Int, _ columns: Int) -> StoredMatrix {
    format == .float32
      ? .float32(elements.matrix(rows, columns)) : .narrow(halves.matrix(rows, columns), format)
  }
}

extension NumberFormat {
  /// The bytes of a number in memory.
  var byteCount: Int { self == .float32 ? 4 : 2 }
}
