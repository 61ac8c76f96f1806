/// A run of elements of one parameter, as a rule sees it: weights w, gradient g, state.
///
/// Blocks are made by ``Optimizer`` alone and are valid only during the call that receives them.
@safe
public struct Block<S: Scalar> {
  /// How many elements the block has.
  public let count: Int
  /// The position of the block's first element in its parameter.
  public let offset: Int
  /// The parameter's shape.
  public let shape: [Int]
  /// What the parameter is for.
  public let role: ParameterRole
  /// w, the weights.
  public let w: MutableView<S>
  /// g, the gradient: clipped, and with the sign of the objective.
  public let g: ScaledView<S>
  let state: SlotArrays<S>
  /// The position of the block's first element in the state arrays that follow the parameter.
  let stateOffset: Int
  /// Whether the rule may use a loop of ``Kernels`` in place of its own, which has the same bits.
  let allowsKernels: Bool

  /// The elements' positions in the block.
  @inlinable public var indices: Range<Int> { 0..<count }

  /// The state of a slot: the block's elements of one shaped like the parameter, all of one with a
  /// shape of its own. A slot that ``Rule/slots(for:)`` leaves out for the options that are set must
  /// not be asked for.
  public subscript(slot: Slot) -> MutableView<S> { view(of: state.array(of: slot)) }

  /// The state of the slot that the rule declared `distance` places after `slot`: for rules with
  /// any number of slots, whose names would have to be made in each step.
  func slot(_ distance: Int, after slot: Slot) -> MutableView<S> {
    view(of: state.array(of: slot, distance))
  }

  private func view(of array: SlotArray<S>) -> MutableView<S> {
    array.followsParameter ? array.view[stateOffset..<stateOffset + count] : array.view
  }

  /// A part of the block, for rules that see whole tensors but update them element by element.
  func part(_ range: Range<Int>) -> Block<S> {
    Block(
      count: range.count, offset: offset + range.lowerBound, shape: shape, role: role,
      w: w[range], g: g[range], state: state, stateOffset: stateOffset + range.lowerBound,
      allowsKernels: allowsKernels)
  }

  /// The block for a loop of ``Kernels``; nil where the rule is to use its own: for float64, and for
  /// tests that compare both.
  @inline(__always)
  var forKernels: Block<Float>? {
    S.self == Float.self && allowsKernels ? unsafe unsafeBitCast(self, to: Block<Float>.self) : nil
  }
}

extension Block<Float> {
  /// The state of a slot for a loop of ``Kernels``: as it is kept, and not decoded where it is compressed. The
  /// loop may only read it unless it `writes`.
  func kept(_ slot: Slot, writes: Bool = true) -> StateView {
    state.kept(slot, writes: writes) ?? .floats(self[slot])
  }
}

/// One state array as a rule reads it.
struct SlotArray<S: Scalar> {
  let view: MutableView<S>
  /// Whether it is cut into blocks along with the parameter.
  let followsParameter: Bool
}

/// The state arrays of one parameter, beside their slots.
@safe
struct SlotArrays<S: Scalar> {
  private let slots: UnsafeBufferPointer<Slot>
  private let arrays: UnsafePointer<SlotArray<S>>
  private let lender: CodedArrays.Lender?

  /// `arrays` has one array for each of `slots`, the compressed ones to be lent; all must outlive this.
  init(
    _ slots: UnsafeBufferPointer<Slot>, _ arrays: UnsafePointer<SlotArray<S>>,
    _ lender: CodedArrays.Lender? = nil
  ) {
    unsafe (self.slots, self.arrays, self.lender) = (slots, arrays, lender)
  }

  /// The array of a slot, which must be there, or of one that follows it.
  func array(of slot: Slot, _ distance: Int = 0) -> SlotArray<S> {
    let k = place(of: slot, distance)
    unsafe lender?.decode(k)
    return unsafe arrays[k]
  }

  /// The array as it is kept; nil where that is as floats, or where it was decoded.
  func kept(_ slot: Slot, writes: Bool) -> StateView? {
    guard let lender = unsafe lender else { return nil }
    return unsafe lender.lend(place(of: slot), writes: writes)
  }

  private func place(of slot: Slot, _ distance: Int = 0) -> Int {
    for i in unsafe slots.indices where unsafe slots[i].name == slot.name {
      guard unsafe i + distance < slots.count else { break }
      return i + distance
    }
    preconditionFailure("the slot '\(slot.name)' is not among those that the rule declared")
  }
}
