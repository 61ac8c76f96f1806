public import Descent

/// K-FAC's curvature of a model: it watches fully connected layers and convolutions, and multiplies
/// their gradients by the inverse of their factors before the rule sees them.
///
/// ```swift
/// let preconditioner = KFACPreconditioner(model)
/// let optimizer = try Optimizer(KFAC(), model: model, needs: .preconditioner(preconditioner))
/// let tape = Tape()
/// let loss = model(x, tape.context(observer: preconditioner)).crossEntropy(labels)
/// tape.gradients(of: loss)
/// let report = try optimizer.step(model.parameters)
/// ```
/// The formulas are those of ``KFAC``. With another rule, ``hyperparameters`` says what to use.
/// Convolutions with groups, and layers whose weight is frozen, are left alone; a weight that is used
/// outside its layer, such as a tied embedding, gets statistics from the layer only.
public final class KFACPreconditioner: Preconditioner, LayerObserver {
  /// γ, ρ, κ, and how often factors and inverses are updated; taken from the rule if it is ``KFAC``.
  public var hyperparameters = KFAC()
  /// How many steps have been preconditioned.
  public private(set) var steps = 0

  /// The layers, by their names in the model.
  public var layers: [String] { watched.map(\.name) }

  private var watched: [Watched] = []
  private var index: [ObjectIdentifier: Int] = [:]

  /// One layer.
  private struct Watched {
    let name: String
    let layer: any Module
    /// The names of its parameters.
    let weight: String
    let bias: String?
    /// The weight as a matrix [outputs, inputs], and its inputs with the bias's 1.
    let outputs: Int
    let inputs: Int
    let width: Int
    var curvature: KFACLayer
    var seen: Statistics?
    var isReady = false
    /// The preconditioned gradients of weight and bias, until the next step.
    var result: (weight: Tensor, bias: Tensor?)?
  }

  /// What a layer saw since the last step.
  private struct Statistics {
    var inputs: Tensor
    var outputs: Tensor
    var rows: Int
    let positions: Int
  }

  /// Watches the layers of `model` whose weights are trainable now. A frozen bias does not count as
  /// one.
  public init(_ model: any Module) {
    let names = Dictionary(
      uniqueKeysWithValues: model.namedParameters.map { (ObjectIdentifier($0.parameter), $0.name) })
    for (name, module) in [("", model)] + model.namedModules {
      let weight: Parameter
      var bias: Parameter?
      switch module {
      case let linear as Linear: (weight, bias) = (linear.weight, linear.bias)
      case let conv as Conv2d where conv.groups == 1: (weight, bias) = (conv.weight, conv.bias)
      default: continue
      }
      guard weight.isTrainable, let weightName = names[ObjectIdentifier(weight)] else { continue }
      if bias?.isTrainable == false { bias = nil }
      let outputs = weight.value.shape[0]
      let inputs = outputs == 0 ? 0 : weight.value.count / outputs
      let width = inputs + (bias == nil ? 0 : 1)
      index[ObjectIdentifier(module)] = watched.count
      watched.append(
        Watched(
          name: name, layer: module, weight: weightName,
          bias: bias.flatMap { names[ObjectIdentifier($0)] }, outputs: outputs, inputs: inputs,
          width: width, curvature: KFACLayer(inputs: width, outputs: outputs)))
    }
  }

  /// A and G of a layer, as they are now.
  package func factors(of name: String) -> (inputs: Matrix, outputs: Matrix)? {
    watched.first { $0.name == name }.map { ($0.curvature.inputs, $0.curvature.outputs) }
  }

  // MARK: Watching

  /// Whether the factors are updated in the coming step.
  public func observes(_ layer: any Module) -> Bool {
    steps % hyperparameters.factorUpdateSteps == 0 && index[ObjectIdentifier(layer)] != nil
  }

  /// Adds a batch to what a layer saw since the last step.
  public func observe(_ layer: any Module, input: Tensor, gradient: Tensor) {
    guard let i = index[ObjectIdentifier(layer)] else { return }
    let hasBias = watched[i].bias != nil
    var new: Statistics
    if let conv = layer as? Conv2d {
      let (products, positions) = input.patchProducts(
        conv.weight.value, stride: conv.stride, padding: conv.padding, dilation: conv.dilation,
        withOne: hasBias)
      new = Statistics(
        inputs: products, outputs: gradient.detached.channelProducts(),
        rows: input.shape[0] * positions, positions: positions)
    } else {
      let a = input.rowsWithOne(hasBias)
      let g = gradient.detached.reshapedDetached([a.shape[0], watched[i].outputs])
      new = Statistics(
        inputs: a.product(a, transposed: true), outputs: g.product(g, transposed: true),
        rows: a.shape[0], positions: 1)
    }
    // Micro-batches hold their share of the loss: their sums are those of one large batch.
    if let old = watched[i].seen {
      new.inputs.add(old.inputs)
      new.outputs.add(old.outputs)
      new.rows += old.rows
    }
    watched[i].seen = new
  }

  /// Forgets what was seen since the last step.
  public func discard() {
    for i in watched.indices { watched[i].seen = nil }
  }

  /// How many bytes all factors and decompositions take.
  public var stateBytes: Int {
    watched.reduce(0) { $0 + 16 * ($1.width * $1.width + $1.outputs * $1.outputs) }
  }

  // MARK: Preconditioning

  /// The gradients of watched layers multiplied by ν and the inverse factors; others as they are.
  public func precondition(
    _ memory: [ParameterMemory<Float>], of parameters: [ParameterInfo],
    for rule: any Rule, scale: Double, learningRate: (Int) -> Double
  ) -> (memory: [ParameterMemory<Float>], report: PreconditionerReport) {
    if let kfac = rule as? KFAC { hyperparameters = kfac }
    let (k, indices) = (
      hyperparameters,
      Dictionary(uniqueKeysWithValues: parameters.indices.map { (parameters[$0].name, $0) })
    )
    var report = PreconditionerReport()
    var sum = 0.0
    var changed: [(layer: Int, weight: Int, bias: Int?, v: Matrix)] = []
    for i in watched.indices {
      guard let weight = indices[watched[i].weight], parameters[weight].trainable,
        let dw = memory[weight].gradient
      else { continue }
      let bias = watched[i].bias.flatMap { indices[$0] }
      let db = bias.flatMap { memory[$0].gradient }
      guard bias == nil || db != nil else { continue }
      update(i, &report)
      guard watched[i].isReady else { continue }
      let (rows, columns, width) = (watched[i].outputs, watched[i].inputs, watched[i].width)
      var gradient = Matrix(rows, width)
      for r in 0..<rows {
        for c in 0..<columns { gradient[r, c] = Double(dw[r * columns + c]) }
        if let db { gradient[r, columns] = Double(db[r]) }
      }
      let v = watched[i].curvature.preconditioned(gradient)
      sum += KFACLayer.change(of: v, along: gradient, learningRate: learningRate(weight) * scale)
      changed.append((i, weight, bias, v))
    }
    discard()
    steps += 1
    report.coefficient = KFACLayer.clipCoefficient(sum: sum, clip: k.klClip)
    var result = memory
    for (i, weight, bias, v) in changed {
      let (dw, db) = write(v, report.coefficient, of: i)
      result[weight].gradient = dw.reading
      if let bias, let db { result[bias].gradient = db.reading }
    }
    return (result, report)
  }

  /// Brings the factors of a layer up to date, and its decomposition, when they are due.
  private func update(_ i: Int, _ report: inout PreconditionerReport) {
    let before = watched[i].curvature.failures
    watched[i].curvature.decay = hyperparameters.factorDecay
    watched[i].curvature.damping = hyperparameters.damping
    watched[i].curvature.inversion = hyperparameters.computeMethod
    if steps % hyperparameters.factorUpdateSteps == 0 {
      if let seen = watched[i].seen {
        seen.inputs.withSymmetricMatrix { inputs in
          seen.outputs.withSymmetricMatrix { outputs in
            watched[i].curvature.accumulate(
              inputs: inputs, outputs: outputs, rows: seen.rows, positions: seen.positions)
          }
        }
        watched[i].isReady = true
      } else {
        report.unseen.append(watched[i].name)
      }
    }
    if watched[i].isReady,
      steps % hyperparameters.inverseUpdateSteps == 0 || !watched[i].curvature.isDecomposed
    {
      watched[i].curvature.decompose()
    }
    if watched[i].curvature.failures > before { report.failures.append(watched[i].name) }
  }

  // MARK: Saving

  /// The factors, their decompositions and the count of steps.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.value("preconditioner/steps", &steps)
    for i in watched.indices {
      try archive.scope("preconditioner/\(watched[i].name)/") { () throws(StateMismatch) in
        var (ready, curvature) = (watched[i].isReady ? 1 : 0, watched[i].curvature)
        try archive.value("ready", &ready)
        try curvature.archive(archive)
        if archive.isRestoring {
          (watched[i].isReady, watched[i].curvature) = (ready == 1, curvature)
        }
      }
    }
    if archive.isRestoring { discard() }
  }

  /// Keeps ν·V in the shapes of the layer's parameters.
  private func write(
    _ v: Matrix, _ coefficient: Double, of i: Int
  ) -> (weight: MutableView<Float>, bias: MutableView<Float>?) {
    let (rows, columns) = (watched[i].outputs, watched[i].inputs)
    let weight = Tensor(uninitialized: [rows, columns])
    let bias = watched[i].bias == nil ? nil : Tensor(uninitialized: [rows])
    let (dw, db) = (weight.freshElements, bias?.freshElements)
    for r in 0..<rows {
      for c in 0..<columns { dw[r * columns + c] = Float(coefficient * v[r, c]) }
      db?[r] = Float(coefficient * v[r, columns])
    }
    watched[i].result = (weight, bias)
    return (dw, db)
  }
}

extension Tensor {
  /// The tensor as rows of its last dimension, with a 1 behind each where asked.
  fileprivate func rowsWithOne(_ withOne: Bool) -> Tensor {
    let (rows, columns) = matrixShape
    guard withOne else { return reshapedDetached([rows, columns]) }
    let y = Tensor(uninitialized: [rows, columns + 1])
    let (xs, ys) = (elements, y.freshElements)
    inRows(of: rows, columns) { range in
      for r in range {
        ys.row(r, columns + 1).copy(xs.row(r, columns))
        ys[r * (columns + 1) + columns] = 1
      }
    }
    return y
  }

  /// Calls `body` with a square tensor in double precision, its two halves averaged.
  fileprivate func withSymmetricMatrix(_ body: (View<Double>) -> Void) {
    let (n, x) = (shape[0], elements)
    withScratch(of: Double.self, n * n) { matrix in
      Matrix.forEachInSquares(n, n) { i, j in
        matrix[i * n + j] = (Double(x[i * n + j]) + Double(x[j * n + i])) / 2
      }
      body(matrix.reading)
    }
  }
}
