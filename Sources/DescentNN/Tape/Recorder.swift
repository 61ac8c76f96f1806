internal import DescentCompute

/// A tensor on a tape: the gradient that arrived at it so far, and how to pass it on.
final class TapeNode: @unchecked Sendable {
  // Touched only by the thread that records and runs the tape.
  let recorder: Recorder
  let shape: [Int]
  /// The format of the tensor, and so of its gradient.
  let format: NumberFormat
  let parameter: Parameter?
  /// For a parameter: how many nodes came before its first use. When so many are left, its gradient
  /// is complete.
  let nodesBefore: Int
  var gradient: Tensor?
  var pullback: ((Tensor) -> Void)?

  init(
    recorder: Recorder, shape: [Int], format: NumberFormat = .float32, parameter: Parameter? = nil,
    nodesBefore: Int = 0
  ) {
    self.recorder = recorder
    self.shape = shape
    self.format = format
    self.parameter = parameter
    self.nodesBefore = nodesBefore
  }
}

/// The nodes of a tape in the order of their computation.
final class Recorder {
  private(set) var isOpen = true
  private var nodes: [TapeNode] = []
  private var leaves: [TapeNode] = []
  private var parameters: [ObjectIdentifier: TapeNode] = [:]

  /// The operations that wait for the backward pass.
  var operations: Int { nodes.count }

  /// A node whose gradient is a result of the tape.
  func leaf(shape: [Int], parameter: Parameter?) -> TapeNode {
    let node = TapeNode(
      recorder: self, shape: shape, parameter: parameter, nodesBefore: nodes.count)
    leaves.append(node)
    return node
  }

  /// The node of a parameter: one for each tape, however often the parameter is used.
  func leaf(of parameter: Parameter) -> TapeNode {
    if let node = parameters[ObjectIdentifier(parameter)] { return node }
    let node = leaf(shape: parameter.value.shape, parameter: parameter)
    parameters[ObjectIdentifier(parameter)] = node
    return node
  }

  /// A node for the result of an operation.
  func append(
    shape: [Int], format: NumberFormat, _ pullback: @escaping (Tensor) -> Void
  ) -> TapeNode {
    let node = TapeNode(recorder: self, shape: shape, format: format)
    node.pullback = pullback
    nodes.append(node)
    return node
  }

  func backward(
    from last: TapeNode, seed: Tensor, accumulating: Bool, whenComplete: ((Parameter) -> Void)?
  ) -> Gradients {
    // Gradients that are not added to go back to the pool before new ones are made.
    for leaf in leaves {
      if let parameter = leaf.parameter {
        if accumulating { leaf.gradient = parameter.gradient }
        parameter.gradient = nil
      }
    }
    last.gradient = seed
    // The order of the tape reversed: when a node's turn comes, all that depends on it is done.
    // What a node saved is freed before the next one runs, and before a gradient is called complete:
    // then nothing on the tape holds the parameter's weights, so that they can be changed in place.
    var waiting = whenComplete == nil ? [] : leaves.filter { $0.parameter != nil }
    while let node = nodes.popLast() {
      if let dy = node.gradient.take() { node.pullback?(dy) }
      node.pullback = nil
      // The last to be used first are the first to be complete.
      while let leaf = waiting.last, nodes.count <= leaf.nodesBefore {
        waiting.removeLast()
        guard let parameter = leaf.parameter, leaf.gradient != nil else { continue }
        parameter.gradient = leaf.gradient.take()
        whenComplete?(parameter)
      }
    }
    var gradients = Gradients()
    for leaf in leaves {
      guard let gradient = leaf.gradient.take() else { continue }
      if let parameter = leaf.parameter {
        parameter.gradient = gradient
      } else {
        gradients.byNode[ObjectIdentifier(leaf)] = gradient
        gradients.nodes.append(leaf)
      }
    }
    return gradients
  }

  /// Breaks the references between nodes and recorder; nothing is recorded from now on.
  func clear() {
    isOpen = false
    for node in nodes { node.pullback = nil }
    nodes = []
    leaves = []
    parameters = [:]
  }
}

extension Tensor {
  /// Has `body` called with the gradient, once it is complete and before it is passed on.
  func whenGradientArrives(_ body: @escaping (Tensor) -> Void) {
    guard let node, let pullback = node.pullback else { return }
    node.pullback = { dy in
      body(dy)
      pullback(dy)
    }
  }
}

extension Tensor {
  /// The numbers, for a derivative to keep if the gradient of `other` is wanted.
  func kept(for other: Tensor) -> Tensor? { other.node == nil ? nil : detached }
}

/// The gradients of an operation's inputs, which its derivative adds to.
struct Adjoints {
  private let nodes: [TapeNode?]

  /// The gradients of these tensors.
  init(of inputs: [Tensor]) { nodes = inputs.map(\.node) }

  /// Whether anyone wants the gradient of input `i`.
  func needs(_ i: Int) -> Bool { nodes[i] != nil }

  /// Adds a tensor, computed only when wanted, to the gradient of input `i`.
  func add(to i: Int, _ term: @autoclosure () -> Tensor) {
    guard let node = nodes[i] else { return }
    var term = term()
    term.round(to: node.format)
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
  guard let recorder = nodes.lazy.compactMap({ $0?.recorder }).first, recorder.isOpen else {
    return result
  }
  check(
    nodes.allSatisfy { $0 == nil || $0!.recorder === recorder },
    "an operation cannot combine tensors of two tapes")
  let adjoints = Adjoints(of: inputs)
  result.node = recorder.append(shape: y.shape, format: format) { dy in pullback(dy, adjoints) }
  return result
}
