// What loops read from and write to.
//
// `Span` cannot be captured by the tasks of a thread pool, written by several of them at once, or
// stored by the dozen, so loops hold these views. A range is checked when a view is cut, an index in
// debug builds alone. A view does not keep its memory alive: whoever makes one holds the owner until
// the loop has ended.

/// A run of elements in memory, to read.
@safe
public struct View<Element: BitwiseCopyable>: @unchecked Sendable {
  /// The first element.
  @unsafe public let base: UnsafePointer<Element>
  /// How many elements there are.
  public let count: Int

  /// A view of `count` elements, which must outlive it.
  @unsafe @inlinable @inline(__always)
  public init(_ base: UnsafePointer<Element>, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  /// A view of a buffer, which must outlive it.
  @unsafe @inlinable
  public init(_ buffer: UnsafeBufferPointer<Element>) {
    // No elements need no memory, but an aligned address.
    unsafe self.init(
      buffer.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Element>.alignment)!,
      count: buffer.count)
  }

  /// The positions of the elements.
  @inlinable @inline(__always)
  public var indices: Range<Int> { 0..<count }

  /// The element at position `i`, which is checked in debug builds.
  @inlinable @inline(__always)
  public subscript(i: Int) -> Element {
    assert(i >= 0 && i < count, "position \(i) is outside a view of \(count) elements")
    return unsafe base[i]
  }

  /// The elements of a range, which is checked.
  @inlinable @inline(__always)
  public subscript(range: Range<Int>) -> View {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe View(base + range.lowerBound, count: range.count)
  }

  /// Row `i` of a matrix with rows of `width` elements.
  @inlinable @inline(__always)
  public func row(_ i: Int, _ width: Int) -> View { self[i * width..<(i + 1) * width] }

  /// All elements from position `start` on.
  @inlinable @inline(__always)
  public func from(_ start: Int) -> View { self[start..<count] }

  /// The same view, in code that knows what type `Element` is.
  @inlinable @inline(__always)
  package func cast<Other>(to: Other.Type) -> View<Other> {
    precondition(Other.self == Element.self)
    return unsafe View<Other>(
      UnsafeRawPointer(base).assumingMemoryBound(to: Other.self), count: count)
  }
}

extension View {
  /// A copy of the elements.
  public var array: [Element] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// A run of elements in memory, to read and write. Several threads may write to different elements.
@safe
public struct MutableView<Element: BitwiseCopyable>: @unchecked Sendable {
  /// The first element.
  @unsafe public let base: UnsafeMutablePointer<Element>
  /// How many elements there are.
  public let count: Int

  /// A view of `count` elements, which must outlive it.
  @unsafe @inlinable @inline(__always)
  public init(_ base: UnsafeMutablePointer<Element>, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  /// A view of a buffer, which must outlive it.
  @unsafe @inlinable
  public init(_ buffer: UnsafeMutableBufferPointer<Element>) {
    // No elements need no memory, but an aligned address.
    unsafe self.init(
      buffer.baseAddress ?? UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment)!,
      count: buffer.count)
  }

  /// The positions of the elements.
  @inlinable @inline(__always)
  public var indices: Range<Int> { 0..<count }

  /// The element at position `i`, which is checked in debug builds.
  @inlinable @inline(__always)
  public subscript(i: Int) -> Element {
    get {
      assert(i >= 0 && i < count, "position \(i) is outside a view of \(count) elements")
      return unsafe base[i]
    }
    nonmutating set {
      assert(i >= 0 && i < count, "position \(i) is outside a view of \(count) elements")
      unsafe base[i] = newValue
    }
  }

  /// A view of no elements.
  package static var none: MutableView {
    unsafe MutableView(
      UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment)!, count: 0)
  }

  /// The elements of a range, which is checked.
  @inlinable @inline(__always)
  public subscript(range: Range<Int>) -> MutableView {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe MutableView(base + range.lowerBound, count: range.count)
  }

  /// Row `i` of a matrix with rows of `width` elements.
  @inlinable @inline(__always)
  public func row(_ i: Int, _ width: Int) -> MutableView { self[i * width..<(i + 1) * width] }

  /// All elements from position `start` on.
  @inlinable @inline(__always)
  public func from(_ start: Int) -> MutableView { self[start..<count] }

  /// The same view, in code that knows what type `Element` is.
  @inlinable @inline(__always)
  package func cast<Other>(to: Other.Type) -> MutableView<Other> {
    precondition(Other.self == Element.self)
    return unsafe MutableView<Other>(
      UnsafeMutableRawPointer(base).assumingMemoryBound(to: Other.self), count: count)
  }

  /// The same elements, to read.
  @inlinable @inline(__always)
  public var reading: View<Element> { unsafe View(UnsafePointer(base), count: count) }

  /// Sets all elements.
  @inlinable
  public func fill(_ value: Element) { unsafe base.update(repeating: value, count: count) }

  /// Copies all elements of `source` to the first ones of this view.
  @inlinable @inline(__always)
  public func copy(_ source: View<Element>) {
    precondition(source.count <= count)
    unsafe base.update(from: source.base, count: source.count)
  }
}

/// Elements that are multiplied by a factor when they are read, so that scaling costs no pass over
/// memory.
@safe
public struct ScaledView<S: Scalar>: Sendable {
  /// The elements as they lie in memory.
  public let elements: View<S>
  /// The factor.
  public let scale: S

  /// `elements`, each times `scale`.
  @inlinable @inline(__always)
  public init(_ elements: View<S>, scale: S) { (self.elements, self.scale) = (elements, scale) }

  /// How many elements there are.
  @inlinable @inline(__always)
  public var count: Int { elements.count }

  /// The product at position `i`.
  @inlinable @inline(__always)
  public subscript(i: Int) -> S { elements[i] * scale }

  /// The elements of a range, which is checked.
  @inlinable @inline(__always)
  public subscript(range: Range<Int>) -> ScaledView { ScaledView(elements[range], scale: scale) }
}

extension Array where Element: BitwiseCopyable {
  /// Calls `body` with a view of the elements, which ends with the call.
  @inlinable
  package func withView<Result, Failure: Error>(
    _ body: (View<Element>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe withUnsafeBufferPointer { buffer throws(Failure) in try unsafe body(View(buffer)) }
  }

  /// Calls `body` with a view of the elements to be changed, which ends with the call.
  @inlinable
  package mutating func withMutableView<Result, Failure: Error>(
    _ body: (MutableView<Element>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe withUnsafeMutableBufferPointer { buffer throws(Failure) in
      try unsafe body(MutableView(buffer))
    }
  }
}
