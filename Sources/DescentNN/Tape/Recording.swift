internal import DescentCompute

extension Tensor {
  /// The numbers, for a derivative to keep: in 16 bits where that is all they are.
  ///
  /// What is not on a tape, data or frozen weights, somebody else has anyway.
  var kept: Tensor { kept(if: node != nil) }

  /// The same of a result, whose tape is that of what it was computed from.
  func kept(if isRecorded: Bool) -> Tensor {
    var x = detached
    if isRecorded && format == .bfloat16 && count >= Tensor.leastNarrowed {
      x.storage = storage.narrowed()
    }
    return x
  }
  /// Below, a copy costs more than it spares.
  private static let leastNarrowed = 1024

  /// The same if the gradient of `other` is wanted.
  func kept(for other: Tensor) -> Tensor? { other.node == nil ? nil : kept }

  /// A gradient as its parameter has it, to be computed with in float32; where that parameter's weights
  /// lie in 16 bits and it waits for the optimizer, in 16 bits if that is all its numbers are.
  func gradient(of parameter: Parameter, waits: Bool) -> Tensor {
    var x = self
    if waits && parameter.format == .bfloat16 && format == .bfloat16 {
      x.storage = storage.rounded()
    }
    x.format = .float32
    return x
  }
}

/// The gradients of an operation's inputs, which its derivative adds to. The inputs are numbered from 0,
/// in the order in which the operation names them.
public struct Adjoints {
  private let nodes: [TapeNode?]
  /// The inputs that were added to, for operations whose derivatives are checked.
  private let given: GivenGradients?

  /// The gradients of these tensors.
  init(of inputs: [Tensor]) { (nodes, given) = (inputs.map(\.node), nil) }

  private init(_ nodes: [TapeNode?], noting given: GivenGradients) {
    (self.nodes, self.given) = (nodes, given)
  }

  /// The same gradients; `given` learns which of them are added to.
  func noting(_ given: GivenGradients) -> Adjoints { Adjoints(nodes, noting: given) }

  /// Whether anyone wants the gradient of input `i`: work that only this gradient takes can be left out
  /// where nobody does.
  public func needs(_ i: Int) -> Bool { node(i) != nil }

  private func node(_ i: Int) -> TapeNode? {
    check(
      nodes.indices.contains(i),
      "an operation with \(nodes.count) inputs, numbered from 0, has no input \(i)")
    return nodes[i]
  }

  /// Adds a tensor of the input's shape, computed only when wanted, to the gradient of input `i`.
  public func add(to i: Int, _ term: @autoclosure () -> Tensor) {
    guard let node = node(i) else { return }
    given?.inputs.insert(i)
    var term = term()
    // A derivative that took a tensor from the tape records nothing more.
    term.node = nil
    // A parameter's gradient remembers the format that it was rounded to on its way.
    if node.parameter == nil || node.format != .float32 { term.round(to: node.format) }
    check(
      term.shape == node.shape,
      "a gradient of shape \(term.shape) reached a tensor of shape \(node.shape)")
    guard var sum = node.gradient.take() else {
      node.gradient = term
      return
    }
    sum.add(term)
    sum.format = .float32
    sum.round(to: node.format)
    node.gradient = sum
  }

  /// Lets `body` add to the gradient of input `i`, when wanted, element by element where it lies: to
  /// zeros, or to what was added before. So `body` uses `+=` and never `=`.
  public func accumulate(into i: Int, _ body: (_ dx: inout MutableSpan<Float>) -> Void) {
    guard needs(i) else { return }
    given?.inputs.insert(i)
    write(to: i) { dx, adds in
      if !adds { dx.fill(0) }
      var span = unsafe MutableSpan(_unsafeStart: dx.base, count: dx.count)
      body(&span)
    }
  }

  /// Lets `body` write the gradient of input `i`, when wanted, where it belongs.
  ///
  /// `body` receives the elements and whether to add to them (true), or to overwrite what is
  /// undefined (false).
  func write(to i: Int, _ body: (_ dx: MutableView<Float>, _ adds: Bool) -> Void) {
    guard let node = nodes[i] else { return }
    if node.format != .float32 {
      // What is added has been rounded.
      let term = Tensor(uninitialized: node.shape)
      body(term.freshElements, false)
      add(to: i, term)
    } else if var sum = node.gradient.take() {
      body(sum.mutableElements(), true)
      sum.format = .float32
      node.gradient = sum
    } else {
      let gradient = Tensor(uninitialized: node.shape)
      body(gradient.freshElements, false)
      node.gradient = gradient
    }
  }
}

/// Puts an operation's result on the tape of its inputs; without one, nothing is kept.
///
/// - Parameters:
///   - y: The result.
///   - inputs: The tensors whose gradients the derivative gives, in the order of their indices.
///   - format: The format of the result, to which it is rounded unless it has it already.
///   - pullback: The derivative: turns dy into the gradients of the inputs.
func record(
  _ y: Tensor, from inputs: Tensor..., in format: NumberFormat = .float32,
  pullback: @escaping (_ dy: Tensor, _ inputs: Adjoints) -> Void
) -> Tensor {
  recorded(y, from: inputs, in: format, pullback: pullback)
}

/// `record` for operations with any number of inputs.
func recorded(
  _ y: Tensor, from inputs: [Tensor], in format: NumberFormat = .float32,
  pullback: @escaping (_ dy: Tensor, _ inputs: Adjoints) -> Void
) -> Tensor {
  // In place, so that a derivative which keeps y has it rounded.
  y.roundFresh(to: format)
  var result = y
  result.format = format
  let nodes = inputs.map(\.node)
  guard let tape = nodes.lazy.compactMap({ $0?.tape }).first, tape.isOpen else {
    return result
  }
  check(
    nodes.allSatisfy { $0 == nil || $0!.tape === tape },
    "an operation cannot combine tensors of two tapes")
  let adjoints = Adjoints(of: inputs)
  result.node = tape.append(shape: y.shape, format: format) { dy in pullback(dy, adjoints) }
  return result
}
