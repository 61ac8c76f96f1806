/// Anything that remembers something from step to step. It lists all of it once, in ``archive(_:)``,
/// which serves saving and restoring alike, so that neither can forget a part.
public protocol Savable {
  /// Hands everything that is remembered to `archive`, under names that never change.
  ///
  /// - Throws: the first thing in what was saved that does not fit.
  mutating func archive(_ archive: StateArchive) throws(StateMismatch)
}

/// Where saved state is read from.
public protocol StateSource {
  /// The names of all tensors.
  var tensorNames: [String] { get }
  /// The element type and the shape of a tensor; nil where there is none of this name.
  func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])?
  /// Copies the bytes of a tensor, from byte `offset` on, to memory, which they fill.
  func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan)
  /// A short text; nil where there is none of this name.
  func note(_ name: String) -> String?
}

/// A pass over everything that some parts remember, to save it, to check that what was saved fits, or
/// to restore it. Large arrays stay where they are: they are written from their memory and read into
/// it, piece by piece.
///
/// ```swift
/// mutating func archive(_ archive: StateArchive) throws(StateMismatch) {
///   try archive.tensor("moment", shape: [3, 4], moment)
///   try archive.value("steps", &steps)
/// }
/// ```
public final class StateArchive {
  private enum Direction {
    case saving
    case checking(any StateSource)
    case restoring(any StateSource)
  }

  private let direction: Direction
  /// Whether optimizer state that was saved in another format is taken over in the present one,
  /// instead of being refused.
  let convertsState: Bool
  private var prefix = ""
  private var taken: Set<String> = []
  /// What is to be saved, in the order of its listing.
  package private(set) var tensors: [ArchivedTensor] = []
  /// The short texts to be saved.
  package private(set) var notes: [String: String] = [:]

  private init(_ direction: Direction, convertsState: Bool = false) {
    (self.direction, self.convertsState) = (direction, convertsState)
  }

  // MARK: Passes

  /// Lists what `body` hands over.
  package static func saving(_ body: (StateArchive) throws(StateMismatch) -> Void) -> StateArchive {
    let archive = StateArchive(.saving)
    // Only what was saved before can fail to fit.
    try? body(archive)
    return archive
  }

  /// Restores what `body` hands over from `source`, after all of it was checked.
  ///
  /// - Parameter convertsState: whether optimizer state may have been saved in another format.
  /// - Throws: the first thing that does not fit, or that nobody asked for; then nothing was changed.
  package static func restoring(
    from source: any StateSource, convertsState: Bool = false,
    _ body: (StateArchive) throws(StateMismatch) -> Void
  ) throws(StateMismatch) {
    let check = StateArchive(.checking(source), convertsState: convertsState)
    try body(check)
    if let extra = source.tensorNames.sorted().first(where: { !check.taken.contains($0) }) {
      throw .unexpected(extra)
    }
    try body(StateArchive(.restoring(source), convertsState: convertsState))
  }

  /// Whether state is being restored now: all of it fits.
  public var isRestoring: Bool { if case .restoring = direction { true } else { false } }

  /// Whether state is being checked or restored.
  public var isReading: Bool { source != nil }

  /// What is read from, when something is.
  private var source: (any StateSource)? {
    switch direction {
    case .saving: nil
    case .checking(let source), .restoring(let source): source
    }
  }

  // MARK: What is archived

  /// Puts a prefix before all names that `body` uses.
  public func scope(
    _ name: String, _ body: () throws(StateMismatch) -> Void
  ) throws(StateMismatch) {
    let before = prefix
    prefix += name
    defer { prefix = before }
    try body()
  }

  /// Hands over all that an object remembers.
  public func part(_ part: some Savable & AnyObject) throws(StateMismatch) {
    var part = part
    try part.archive(self)
  }

  /// The shape of a saved tensor, where one of this name is read.
  public func savedShape(of name: String) -> [Int]? { source?.tensor(prefix + name)?.shape }

  /// The element type of a saved tensor, where one of this name is read.
  package func savedElement(of name: String) -> StoredTensor.Element? {
    source?.tensor(prefix + name)?.element
  }

  /// A tensor in memory that stays where it is.
  public func tensor<T: BitwiseCopyable>(
    _ name: String, shape: [Int], _ memory: MutableView<T>
  ) throws(StateMismatch) {
    guard try find(name, .init(T.self), shape) else { return }
    switch direction {
    case .saving:
      save(name, .init(T.self), shape) { write in
        try unsafe write(
          UnsafeRawBufferPointer(
            start: memory.base, count: memory.count * MemoryLayout<T>.stride
          ).bytes)
      }
    case .checking: break
    case .restoring(let source):
      unsafe Self.read(source, prefix + name, into: memory.base, memory.count)
    }
  }

  /// Rows of one width, as a tensor of two axes.
  public func rows<T: BitwiseCopyable>(
    _ name: String, shape: (count: Int, width: Int), _ rows: inout [[T]]
  ) throws(StateMismatch) {
    let (count, width) = shape
    guard try find(name, .init(T.self), [count, width]) else { return }
    switch direction {
    case .saving:
      let copy = rows
      save(name, .init(T.self), [count, width]) { write in
        for row in copy { try unsafe write(row.span.bytes) }
      }
    case .checking: break
    case .restoring(let source):
      let size = width * MemoryLayout<T>.stride
      rows = (0..<count).map { row in
        unsafe [T](unsafeUninitializedCapacity: width) { buffer, filled in
          unsafe Self.read(source, prefix + name, at: row * size, into: buffer.baseAddress, width)
          filled = width
        }
      }
    }
  }

  /// An array; a shape of nil takes whatever number of elements was saved.
  public func array<T: BitwiseCopyable>(
    _ name: String, shape: [Int]? = nil, _ values: inout [T]
  ) throws(StateMismatch) {
    guard try find(name, .init(T.self), shape) else { return }
    switch direction {
    case .saving:
      let copy = values
      save(name, .init(T.self), shape ?? [copy.count]) { write in
        try unsafe write(copy.span.bytes)
      }
    case .checking: break
    case .restoring(let source):
      let count = (source.tensor(prefix + name)?.shape ?? []).reduce(1, *)
      values = unsafe [T](unsafeUninitializedCapacity: count) { buffer, filled in
        unsafe Self.read(source, prefix + name, into: buffer.baseAddress, count)
        filled = count
      }
    }
  }

  /// A number.
  public func value<T: BitwiseCopyable>(
    _ name: String, _ value: inout T
  ) throws(StateMismatch) {
    var values = [value]
    try array(name, shape: [], &values)
    if isRestoring { value = values[0] }
  }

  /// A short text beside the tensors that must be the same when state is restored.
  public func constant<T: LosslessStringConvertible & Equatable>(
    _ name: String, _ value: T, mismatch: (_ saved: T) -> StateMismatch
  ) throws(StateMismatch) {
    guard let source else {
      notes[prefix + name] = value.description
      return
    }
    guard let saved = source.note(prefix + name).flatMap(T.init) else {
      throw .missing(prefix + name)
    }
    if saved != value { throw mismatch(saved) }
  }

  /// A small value beside the tensors, as JSON; `check` says whether a saved one fits.
  public func note<T: Codable>(
    _ name: String, _ value: inout T, check: (_ saved: T) -> StateMismatch? = { _ in nil }
  ) throws(StateMismatch) {
    guard let source else {
      notes[prefix + name] = JSONText.encode(value)
      return
    }
    guard let saved = source.note(prefix + name).flatMap({ JSONText.decode(T.self, $0) }) else {
      throw .missing(prefix + name)
    }
    if let mismatch = check(saved) { throw mismatch }
    if isRestoring { value = saved }
  }

  // MARK: Inside

  /// Whether there is something to do with the tensor; throws when one that is read does not fit.
  private func find(
    _ name: String, _ element: StoredTensor.Element, _ shape: [Int]?
  ) throws(StateMismatch) -> Bool {
    guard let source else { return true }
    let name = prefix + name
    guard let found = source.tensor(name), taken.insert(name).inserted else { throw .missing(name) }
    if found.element != element { throw .element(name, saved: found.element, present: element) }
    if let shape, found.shape != shape { throw .shape(name, saved: found.shape, present: shape) }
    return true
  }

  /// Fills memory, initialized or not, with elements that were saved.
  @unsafe
  private static func read<T: BitwiseCopyable>(
    _ source: any StateSource, _ name: String, at offset: Int = 0,
    into base: UnsafeMutablePointer<T>?, _ count: Int
  ) {
    var bytes = unsafe UnsafeMutableRawBufferPointer(
      start: base, count: count * MemoryLayout<T>.stride
    ).mutableBytes
    source.read(name, at: offset, into: &bytes)
  }

  private func save(
    _ name: String, _ element: StoredTensor.Element, _ shape: [Int],
    _ forEachPart: @escaping ((RawSpan) throws -> Void) throws -> Void
  ) {
    tensors.append(
      ArchivedTensor(
        name: prefix + name, element: element, shape: shape, forEachPart: forEachPart))
  }
}

/// A tensor that is to be saved: what it is, and a way to its bytes, which lie where they always do.
package struct ArchivedTensor {
  /// Its name.
  package let name: String
  /// The type of its elements.
  package let element: StoredTensor.Element
  /// Its shape.
  package let shape: [Int]
  /// Calls a function with its bytes, in pieces that follow one another.
  package let forEachPart: ((RawSpan) throws -> Void) throws -> Void
}
