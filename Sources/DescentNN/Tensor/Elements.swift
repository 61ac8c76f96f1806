// What the loops of all operations read from and write to.
//
// `Span` cannot be captured by the tasks of a thread pool, nor written by several of them at once,
// so loops hold these views. All pointer arithmetic of the module is in this file: a range is
// checked when a view is cut, an index in debug builds. A view does not keep its tensor alive: the
// code that makes one holds the tensor in a variable or captures it until the loop has ended.

/// A view of elements to read.
@safe
package struct Elements {
  package let base: UnsafePointer<Float>
  package let count: Int

  @inline(__always)
  init(_ base: UnsafePointer<Float>, _ count: Int) {
    unsafe self.base = base
    self.count = count
  }

  @inline(__always)
  package subscript(i: Int) -> Float {
    assert(i >= 0 && i < count)
    return unsafe base[i]
  }

  /// The elements of a range.
  @inline(__always)
  package subscript(range: Range<Int>) -> Elements {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe Elements(base + range.lowerBound, range.count)
  }

  /// Row `i` of a matrix with rows of `width` elements.
  @inline(__always)
  func row(_ i: Int, _ width: Int) -> Elements { self[i * width..<(i + 1) * width] }

  /// All elements from `start` on.
  @inline(__always)
  func from(_ start: Int) -> Elements { self[start..<count] }
}

/// A view of elements to write.
@safe
package struct MutableElements {
  package let base: UnsafeMutablePointer<Float>
  package let count: Int

  @inline(__always)
  init(_ base: UnsafeMutablePointer<Float>, _ count: Int) {
    unsafe self.base = base
    self.count = count
  }

  @inline(__always)
  package subscript(i: Int) -> Float {
    get {
      assert(i >= 0 && i < count)
      return unsafe base[i]
    }
    nonmutating set {
      assert(i >= 0 && i < count)
      unsafe base[i] = newValue
    }
  }

  /// The elements of a range.
  @inline(__always)
  package subscript(range: Range<Int>) -> MutableElements {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe MutableElements(base + range.lowerBound, range.count)
  }

  /// Row `i` of a matrix with rows of `width` elements.
  @inline(__always)
  func row(_ i: Int, _ width: Int) -> MutableElements { self[i * width..<(i + 1) * width] }

  /// All elements from `start` on.
  @inline(__always)
  func from(_ start: Int) -> MutableElements { self[start..<count] }

  /// The same elements, to read.
  @inline(__always)
  var reading: Elements { unsafe Elements(UnsafePointer(base), count) }

  /// Sets all elements.
  func fill(_ value: Float) { unsafe base.update(repeating: value, count: count) }

  /// Copies as many elements as `source` has.
  @inline(__always)
  func copy(_ source: Elements) {
    precondition(source.count <= count)
    unsafe base.update(from: source.base, count: source.count)
  }
}
