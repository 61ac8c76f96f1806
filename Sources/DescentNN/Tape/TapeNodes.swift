internal import DescentCompute

/// A tensor on a tape: the gradient that arrived at it so far, and how to pass it on.
final class TapeNode: @unchecked Sendable {
  // Touched only by the thread that records and runs the tape.
  let tape: TapeNodes
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
    tape: TapeNodes, shape: [Int], format: NumberFormat = .float32, parameter: Parameter? = nil,
    nodesBefore: Int = 0
  ) {
    self.tape = tape
    self.shape = shape
    self.format = format
    self.parameter = parameter
    self.nodesBefore = nodesBefore
  }
}

/// What a ``Tape`` owns: its nodes, in the order of their computation, and the backward pass over them.
final class TapeNodes {
  private(set) var isOpen = true
  private var nodes: [TapeNode] = []
  private var leaves: [TapeNode] = []
  private var parameters: [ObjectIdentifier: TapeNode] = [:]

  /// The operations that wait for the backward pass.
  var operations: Int { nodes.count }

  /// A node whose gradient is a result of the tape.
  func leaf(shape: [Int], parameter: Parameter?) -> TapeNode {
    let node = TapeNode(
      tape: self, shape: shape, parameter: parameter, nodesBefore: nodes.count)
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
    let node = TapeNode(tape: self, shape: shape, format: format)
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
    var waiting = leaves.filter { $0.parameter != nil }
    while let node = nodes.popLast() {
      if let dy = node.gradient.take() { node.pullback?(dy) }
      node.pullback = nil
      // The last to be used first are the first to be complete.
      while let leaf = waiting.last, nodes.count <= leaf.nodesBefore {
        waiting.removeLast()
        guard let parameter = leaf.parameter, let gradient = leaf.gradient.take() else { continue }
        parameter.gradient = gradient.gradient(of: parameter, waits: whenComplete == nil)
        whenComplete?(parameter)
      }
    }
    var gradients = Gradients()
    for leaf in leaves {
      guard let gradient = leaf.gradient.take() else { continue }
      if let parameter = leaf.parameter {
        parameter.gradient = gradient.gradient(of: parameter, waits: true)
      } else {
        gradients.byNode[ObjectIdentifier(leaf)] = gradient
        gradients.nodes.append(leaf)
      }
    }
    return gradients
  }

  /// Breaks the references between nodes and tape; nothing is recorded from now on.
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
