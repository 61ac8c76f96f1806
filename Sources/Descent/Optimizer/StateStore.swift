import DescentCompute

/// The memory of a rule's state: one array for each slot of each parameter, all allocated at the
/// start so that no step allocates.
@safe
final class StateStore<S: Scalar>: @unchecked Sendable {
  /// One slot of one parameter.
  struct Entry {
    let slot: String
    let parameter: Int
    let shape: [Int]
    /// Where its array is in `arrays`.
    fileprivate let index: Int
    var count: Int { shape.reduce(1, *) }
  }

  let entries: [Entry]
  /// The arrays, a parameter's side by side.
  private let arrays: UnsafeMutableBufferPointer<StateArray<S>>
  /// The places of each parameter's arrays.
  private let ranges: [Range<Int>]

  /// State for the trainable parameters, in the slots that `slots` gives for each.
  init(_ parameters: [ParameterInfo], slots: (Int) -> [Slot]) {
    var entries: [Entry] = []
    var initial: [Double] = []
    var follows: [Bool] = []
    var ranges: [Range<Int>] = []
    for (index, parameter) in parameters.enumerated() {
      let start = entries.count
      for slot in parameter.trainable ? slots(index) : [] {
        entries.append(
          Entry(
            slot: slot.name, parameter: index, shape: slot.shape ?? parameter.shape,
            index: entries.count))
        initial.append(slot.initial)
        follows.append(slot.shape == nil)
      }
      ranges.append(start..<entries.count)
    }
    (self.entries, self.ranges) = (entries, ranges)
    unsafe arrays = .allocate(capacity: entries.count)
    for entry in entries {
      let base = UnsafeMutablePointer<S>.allocate(capacity: max(entry.count, 1))
      unsafe base.initialize(repeating: S(initial[entry.index]), count: entry.count)
      unsafe arrays.initializeElement(
        at: entry.index, to: StateArray(base: base, followsParameter: follows[entry.index]))
    }
  }

  deinit {
    for index in unsafe arrays.indices { unsafe arrays[index].base.deallocate() }
    unsafe arrays.deallocate()
  }

  /// A parameter's arrays.
  @inline(__always)
  func arrays(of parameter: Int) -> UnsafeBufferPointer<StateArray<S>> {
    unsafe UnsafeBufferPointer(rebasing: arrays[ranges[parameter]])
  }

  /// A copy of a slot's values.
  func values(_ entry: Entry) -> [S] {
    unsafe Array(UnsafeBufferPointer(start: arrays[entry.index].base, count: entry.count))
  }

  /// Bytes of state, scalars excluded.
  var bytes: Int { entries.reduce(0) { $0 + $1.count } * MemoryLayout<S>.stride }
}

/// One state array.
@unsafe
struct StateArray<S> {
  let base: UnsafeMutablePointer<S>
  /// Whether it is cut into blocks along with the parameter.
  let followsParameter: Bool
}
