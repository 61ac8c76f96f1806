extension Context {
  /// Runs a part of the model of which the tape keeps only the input: the backward pass runs it
  /// again (activation checkpointing).
  ///
  /// Gradients have the same bits as without. The second run sees the dropout masks of the first and
  /// leaves running statistics alone. It costs the time of the part's forward pass.
  ///
  /// Chen, Xu, Zhang, Guestrin: Training deep nets with sublinear memory cost (2016),
  /// arXiv:1604.06174.
  ///
  /// - Parameters:
  ///   - x: the input.
  ///   - part: gives the same result whenever it is called; takes tensors from its arguments and from
  ///     parameters alone.
  public func recomputing(
    _ x: Tensor, _ part: @escaping (_ x: Tensor, _ context: Context) -> Tensor
  ) -> Tensor {
    guard let tape, records else { return part(x, self) }
    let before = streams
    let first = Context(
      partOf: self, tape: tape, records: false, isRepeated: isRepeated, streams: before)
    var y = part(x.detached, first)
    streams = first.streams
    // Nobody wants a gradient from here.
    guard x.node != nil || first.usesTrainable else { return y }
    // The second run goes to the end of the same tape, whose nodes are next in turn: gradients
    // arrive where, and in the order in which, they would have.
    var input = x.kept
    input.node = x.node
    y.node = tape.append(shape: y.shape, format: y.format) {
      [x = input, formats = Autocast.formats] dy in
      let second = Context(
        partOf: self, tape: tape, records: true, isRepeated: true, streams: before)
      Adjoints(of: [Autocast.run(in: formats) { part(x, second) }]).add(to: 0, dy)
    }
    return y
  }

  /// What the tape keeps of a part of the model, in bytes, its output included: none where the part is
  /// not recorded.
  ///
  /// - Parameter isRecorded: whether the input is.
  func bytesKept(
    _ x: Tensor, isRecorded: Bool, _ part: (Tensor, Context) -> Tensor
  ) -> (y: Tensor, isRecorded: Bool, bytes: Int) {
    let tape = TapeNodes()
    defer { tape.clear() }
    let context = Context(
      partOf: self, tape: tape, records: true, isRepeated: true, streams: streams)
    var input = x.detached
    if isRecorded { input.node = tape.leaf(shape: x.shape, parameter: nil) }
    let before = TensorPool.bytesOfThread
    let y = part(input, context)
    let bytes = y.node == nil ? 0 : TensorPool.bytesOfThread - before
    return (y.detached, y.node != nil, bytes)
  }
}

/// Which layers of a stack keep only their input and run again in the backward pass.
public enum Recomputation: Sendable, Equatable {
  /// None.
  case none
  /// All but the last, whose activations the backward pass asks for at once.
  case layers
  /// As few as keep the activations of the stack within a number of bytes; all but the last if no
  /// number does.
  case budget(bytes: Int)

  /// What one layer needs.
  package struct Layer {
    /// The bytes of its input.
    let input: Int
    /// The bytes that the tape keeps of it.
    let kept: Int

    package init(input: Int, kept: Int) { (self.input, self.kept) = (input, kept) }
  }

  /// How many layers, from the first on, are to be recomputed.
  ///
  /// The first ones: when the backward pass reaches them, what was kept of the last ones is gone.
  package func count(_ layers: () -> [Layer], of total: Int) -> Int {
    switch self {
    case .none: return 0
    case .layers: return max(0, total - 1)
    case .budget(let bytes):
      let layers = layers()
      return (0..<max(1, total)).first { Self.peak(layers, recomputed: $0) <= bytes }
        ?? max(0, total - 1)
    }
  }

  /// The most bytes that the activations of a stack take while its first `count` layers are
  /// recomputed.
  package static func peak(_ layers: [Layer], recomputed count: Int) -> Int {
    var inputs = 0
    var largest = 0
    for layer in layers[..<count] {
      inputs += layer.input
      largest = max(largest, inputs + layer.kept)
    }
    return max(largest, inputs + layers[count...].reduce(0) { $0 + $1.kept })
  }
}

extension Recomputation: LosslessStringConvertible {
  /// Reads `none`, `layers`, or a budget in megabytes such as `64`.
  public init?(_ text: String) {
    switch text {
    case "none", "null", "~", "": self = .none
    case "layers": self = .layers
    default:
      guard let megabytes = Double(text), megabytes > 0, megabytes < 1e9 else { return nil }
      self = .budget(bytes: Int(megabytes * 1e6))
    }
  }

  /// `none`, `layers`, or the megabytes of a budget.
  public var description: String {
    switch self {
    case .none: "none"
    case .layers: "layers"
    case .budget(let bytes):
      bytes % 1_000_000 == 0 ? "\(bytes / 1_000_000)" : "\(Double(bytes) / 1e6)"
    }
  }
}

/// What a choice of ``Recomputation`` led to.
public struct RecomputationPlan: Sendable, Equatable {
  /// The choice.
  public let choice: Recomputation
  /// How many layers are recomputed: the first ones that are recorded at all.
  public let recomputed: Int
  /// How many layers the stack has.
  public let layers: Int
  /// The bytes that the activations of the stack are expected to take; nil unless there is a budget.
  public let expected: Int?

  /// A sentence for the user if the activations take more than the budget; else nil.
  public var warning: String? {
    guard case .budget(let bytes) = choice, let expected, expected > bytes else { return nil }
    return
      "the activations of the layers do not fit into \(Double(bytes) / 1e6) MB: even with all layers "
      + "but the last recomputed, they take \(Double(expected / 100_000) / 10) MB; make the batch or "
      + "the context smaller"
  }
}

/// A model whose layers may keep only their input during training.
public protocol RecomputingModule: Module {
  /// Which layers do so; no result depends on it.
  var recomputation: Recomputation { get set }
  /// What that led to in the last pass with a tape; nil before the first.
  var recomputationPlan: RecomputationPlan? { get }
}

/// Runs layers one after another, some of them recomputed.
final class LayerStack {
  var recomputation = Recomputation.none
  private(set) var plan: RecomputationPlan?
  /// What the layers need for inputs of a shape, measured once, and whether they were recorded, which
  /// frozen ones are not.
  private var measured: (shape: [Int], layers: [Recomputation.Layer], areRecorded: [Bool])?

  func run(
    _ layers: [(Tensor, Context) -> Tensor], _ x: Tensor, _ context: Context
  ) -> Tensor {
    guard context.records else { return layers.reduce(x) { x, layer in layer(x, context) } }
    let count = recomputation.count({ sizes(layers, x, context) }, of: layers.count)
    var y = x
    let areRecorded = layers.enumerated().map { index, layer in
      y = index < count ? context.recomputing(y, layer) : layer(y, context)
      return y.node != nil
    }
    plan = RecomputationPlan(
      choice: recomputation, recomputed: areRecorded[..<count].count { $0 }, layers: layers.count,
      expected: measured.map { Recomputation.peak($0.layers, recomputed: count) })
    if let measured, measured.areRecorded != areRecorded { self.measured = nil }
    return y
  }

  private func sizes(
    _ layers: [(Tensor, Context) -> Tensor], _ x: Tensor, _ context: Context
  ) -> [Recomputation.Layer] {
    if let measured, measured.shape == x.shape { return measured.layers }
    var (input, isRecorded) = (x, x.node != nil)
    var areRecorded: [Bool] = []
    let sizes = layers.map { layer in
      let before = input.count * MemoryLayout<Float>.stride
      let kept: Int
      (input, isRecorded, kept) = context.bytesKept(input, isRecorded: isRecorded, layer)
      areRecorded.append(isRecorded)
      return Recomputation.Layer(input: isRecorded ? before : 0, kept: kept)
    }
    measured = (x.shape, sizes, areRecorded)
    return sizes
  }
}
