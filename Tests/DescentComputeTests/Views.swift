import DescentCompute

extension Array where Element: BitwiseCopyable {
  /// A copy of the elements in memory that is never freed, as a test's process ends soon.
  var mutableView: MutableView<Element> {
    let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
    _ = unsafe copy.initialize(from: self)
    return unsafe MutableView(copy)
  }

  /// Likewise, to read.
  var view: View<Element> { mutableView.reading }
}

extension MutableView {
  var array: [Element] { indices.map { self[$0] } }
}

func zeros(_ count: Int) -> MutableView<Float> { [Float](repeating: 0, count: count).mutableView }
