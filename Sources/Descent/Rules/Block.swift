import DescentCompute

/// A run of elements of one parameter, as a rule sees it: weights w, gradient g, state.
///
/// Blocks are made by ``Optimizer`` alone and are valid only during the call that receives them.
@safe
public struct Block<S: Scalar> {
  /// How many elements the block has.
  public let count: Int
  /// The place of the block's first element in its parameter.
  public let offset: Int
  /// The parameter's shape.
  public let shape: [Int]
  /// What the parameter is for.
  public let role: ParameterRole
  /// w, the weights.
  public let w: Lane<S>
  /// g, the gradient: clipped, and with the sign of the objective.
  public let g: Gradient<S>
  let state: UnsafeBufferPointer<StateArray<S>>
  /// The place of the block's first element in the state arrays that follow the parameter.
  let stateOffset: Int

  /// The elements' positions in the block.
  @inlinable public var indices: Range<Int> { 0..<count }

  /// The state slot at `position` in the rule's ``Rule/slots(for:)``: the block's elements of a slot
  /// shaped like the parameter, all of a slot with a shape of its own. A slot that the rule's
  /// options leave out gives a lane that must not be used.
  public subscript(position: Int) -> Lane<S> {
    guard unsafe position < state.count else { return w }
    let array = unsafe state[position]
    return unsafe Lane(array.base + (array.followsParameter ? stateOffset : 0))
  }

  /// A part of the block, for rules that see whole tensors but update them element by element.
  func part(_ range: Range<Int>) -> Block<S> {
    unsafe Block(
      count: range.count, offset: offset + range.lowerBound, shape: shape, role: role,
      w: Lane(w.base + range.lowerBound),
      g: Gradient(g.base + range.lowerBound, scale: g.scale), state: state,
      stateOffset: stateOffset + range.lowerBound)
  }
}

/// The elements of one array of a block. A position must lie within the block's ``Block/indices``
/// (or, for a slot with a shape of its own, within that shape); it is not checked, since rules are
/// the innermost loop.
@safe
public struct Lane<S: Scalar> {
  @usableFromInline let base: UnsafeMutablePointer<S>

  init(_ base: UnsafeMutablePointer<S>) { unsafe self.base = base }

  /// The element at position `i`.
  @inlinable public subscript(i: Int) -> S {
    get { unsafe base[i] }
    nonmutating set { unsafe base[i] = newValue }
  }
}

/// The gradient of a block, scaled on reading, so that clipping costs no pass over memory.
@safe
public struct Gradient<S: Scalar> {
  @usableFromInline let base: UnsafePointer<S>
  /// The clipping coefficient, negative when maximizing.
  @usableFromInline let scale: S

  init(_ base: UnsafePointer<S>, scale: S) {
    unsafe self.base = base
    self.scale = scale
  }

  /// The scaled gradient at position `i`.
  @inlinable public subscript(i: Int) -> S { unsafe base[i] * scale }
}
