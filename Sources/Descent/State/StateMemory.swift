/// The memory of one array that outlives a step: optimizer state, averages, 16-bit weights.
///
/// Whoever uses it holds a view. That it lies on the heap is known here alone.
@safe
final class StateMemory<Element: BitwiseCopyable>: @unchecked Sendable {
  /// The elements.
  let view: MutableView<Element>

  /// Room for `count` elements, each `initial` at first.
  init(count: Int, initial: Element) {
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    let base = unsafe LargePages.allocate(bytes).bindMemory(to: Element.self, capacity: count)
    unsafe base.initialize(repeating: initial, count: count)
    view = unsafe MutableView(base, count: count)
  }

  deinit { unsafe LargePages.deallocate(view.base) }

  /// What the elements take.
  var bytes: Int { view.count * MemoryLayout<Element>.stride }
}
