import Descent
import DescentTraining

/// Makes the rows of a ``MemoryPlan``: the plan of each optimizer, and what it takes for the tensors.
struct MemoryCandidates {
  let subject: MemorySubject
  let options: MemoryOptions
  let optimizers: [RaceOptimizer]
  /// Tensors that are alike, counted once.
  private let kinds: [(parameter: ParameterInfo, count: Int)]
  private var plans: [String: OptimizerPlan] = [:]
  private var states: [String: (state: Int, working: Int)] = [:]

  init(_ subject: MemorySubject, _ options: MemoryOptions) {
    (self.subject, self.options) = (subject, options)
    var optimizers = options.optimizers
    if optimizers.isEmpty {
      optimizers = Rules.all.map { .init(label: $0.name, rule: $0.name, assignments: []) }
    }
    self.optimizers = optimizers
    var kinds: [(parameter: ParameterInfo, count: Int)] = []
    var places: [Kind: Int] = [:]
    for parameter in subject.parameters where parameter.trainable {
      let kind = Kind(shape: parameter.shape, role: parameter.role)
      if let place = places[kind] {
        kinds[place].count += 1
      } else {
        places[kind] = kinds.count
        kinds.append((parameter, 1))
      }
    }
    self.kinds = kinds
  }

  private struct Kind: Hashable {
    let shape: [Int]
    let role: ParameterRole
  }

  /// The format of weights that the recipe has.
  var ownWeights: WeightFormat {
    if case .run(_, let recipe, _, _) = subject.training {
      return WeightFormat(recipe.plan.weights)
    }
    return .float32
  }

  /// The optimizer and the format of state that the recipe has.
  var ownOptimizer: (name: String, state: StateStorage.Format)? {
    if case .run(_, let recipe, _, _) = subject.training {
      return (recipe.plan.ruleName, recipe.plan.state.format)
    }
    return nil
  }

  /// - Throws: ``RecipeError`` where the three do not go together.
  mutating func row(
    _ optimizer: RaceOptimizer, _ state: StateStorage.Format, _ weights: WeightFormat
  ) throws -> MemoryPlan.Row {
    var plan = try plan(of: optimizer)
    plan.state.format = state
    plan.weights = weights.storage
    var row = MemoryPlan.Row(optimizer: optimizer.label, state: state, weights: weights)
    do {
      switch subject.training {
      case .run(let run, _, _, _):
        measure(&row, run, try plan.memory(for: subject.parameters))
      case .arithmetic(let activations):
        try count(&row, plan, activations)
      }
    } catch let error as OptimizerError { throw RecipeError(problems: error.sentences) }
    return row
  }

  // MARK: Plans

  private mutating func plan(of optimizer: RaceOptimizer) throws -> OptimizerPlan {
    if let plan = plans[optimizer.label] { return plan }
    let plan: OptimizerPlan
    switch subject.training {
    case .run(_, let recipe, let source, let changes):
      plan = try Self.plan(of: optimizer, recipe, source, changes)
    case .arithmetic:
      let empty = """
        {steps: 1, release_gradients: \(options.releasesGradients), model: {kind: mlp},
        data: {kind: digits}, optimizer: {name: sgd}}
        """
      plan = try Recipe(
        yaml: empty, overrides: ["optimizer.name=\(optimizer.rule)"] + optimizer.assignments
      ).plan
    }
    plans[optimizer.label] = plan
    return plan
  }

  /// The recipe's plan with another rule. What the rule cannot be combined with, and takes no memory,
  /// is left out.
  private static func plan(
    of optimizer: RaceOptimizer, _ recipe: Recipe, _ source: RacePlan.Source, _ changes: [String]
  ) throws(RecipeError) -> OptimizerPlan {
    let isOwn = optimizer.rule == recipe.plan.ruleName && optimizer.assignments.isEmpty
    if isOwn { return recipe.plan }
    // Formats are set one after another; the recipe's may not go with this rule.
    let format = ["optimizer.state=float32"]
    do throws(RecipeError) {
      return try optimizer.recipe(source, recipe, changes, besides: format).plan
    } catch {
      for without in [["schedule=none"], ["clip=none"], ["clip=none", "schedule=none"]] {
        let other = try? optimizer.recipe(source, recipe, changes, besides: format + without)
        if let other { return other.plan }
      }
      throw error
    }
  }

  // MARK: Bytes

  /// A run of Descent.
  private func measure(
    _ row: inout MemoryPlan.Row, _ run: RunMemory, _ optimizer: OptimizerMemory
  ) {
    (row.weightBytes, row.gradientBytes) = (run.weightBytes(optimizer), run.gradientBytes)
    (row.stateBytes, row.workingBytes) = (optimizer.stateBytes, optimizer.workingBytes)
    (row.activationBytes, row.processBytes) = (run.activationBytes, run.processBytes)
    row.copyBytes = run.copyBytes(optimizer)
    row.phases = run.phases(optimizer)
  }

  /// Arithmetic for each device.
  private mutating func count(
    _ row: inout MemoryPlan.Row, _ plan: OptimizerPlan, _ activations: MemorySubject.Activations
  ) throws {
    try plan.check()
    // Whatever the format of weights, but for what Kahan's sum keeps.
    let key = "\(row.optimizer) \(row.state)"
    let (kept, working) = try states[key] ?? stateBytes(plan)
    states[key] = (kept, working)
    let state = kept + (row.weights == .bf16Kahan ? 2 * subject.trainable : 0)
    let (trainable, is16) = (subject.trainable, row.weights != .float32)
    let size = is16 ? 2 : 4
    let base =
      options.adapters?.baseBytes(subject.parameters) ?? size * subject.frozen
    let weights = base + size * trainable
    let masters = row.weights == .bf16Master ? 4 * trainable : 0
    // One at a time where each is freed at once.
    let largest = subject.parameters.reduce(0) { $1.trainable ? max($0, $1.count) : $0 }
    let gradients = size * (options.releasesGradients ? largest : trainable)
    let stage = options.sharing.rawValue
    func share(_ bytes: Int, from least: Int) -> Int {
      stage >= least ? (bytes - 1 + options.ranks) / options.ranks : bytes
    }
    row.weightBytes = share(weights, from: 3)
    row.gradientBytes = options.releasesGradients ? gradients : share(gradients, from: 2)
    row.masterBytes = share(masters, from: 1)
    row.stateBytes = share(state, from: 1)
    row.activationBytes = activations.bytes(recomputes: options.recomputes)
    row.workingBytes = working
    let devices = options.ranks
    switch options.offload {
    case .nothing: break
    case .state:
      row.hostBytes = Self.product(row.stateBytes + row.masterBytes + row.gradientBytes, devices)
      (row.stateBytes, row.masterBytes, row.workingBytes) = (0, 0, 0)
    case .all:
      row.hostBytes = Self.product(
        row.stateBytes + row.masterBytes + row.gradientBytes + row.weightBytes, devices)
      // Two tensors: one that computes, and the next on its way.
      let widest = subject.parameters.reduce(0) { max($0, $1.count) }
      row.weightBytes = min(row.weightBytes, 2 * size * widest)
      row.gradientBytes = min(row.gradientBytes, 2 * size * widest)
      (row.stateBytes, row.masterBytes, row.workingBytes) = (0, 0, 0)
    }
    let load = row.weightBytes + row.masterBytes
    let held = load + row.gradientBytes
    // Activations are gone when the update works.
    row.phases = .init(
      load: load, firstStep: held + row.activationBytes,
      steady: held + row.stateBytes + max(row.activationBytes, row.workingBytes),
      save: held + row.stateBytes)
  }

  private static func product(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
  }

  /// An optimizer's state, and what its update takes while it runs.
  private func stateBytes(_ given: OptimizerPlan) throws -> (state: Int, working: Int) {
    var plan = given
    plan.weights = .float32
    if squares(plan.rule),
      let long = kinds.first(where: { $0.parameter.shape.contains { $0 > 1 << 24 } })
    {
      throw RecipeError(problems: [
        "\(plan.ruleName) keeps the square of each axis, and the tensor '\(quotable(long.parameter.name))' "
          + "has one of \(grouped(long.parameter.shape.max() ?? 0))"
      ])
    }
    // K-FAC's also that of the product of all axes but the first.
    if plan.rule.needs.contains(.layers),
      let wide = kinds.map(\.parameter).first(where: {
        $0.shape.count > 1 && max($0.shape[0], $0.count / max(1, $0.shape[0])) > 1 << 22
      })
    {
      throw RecipeError(problems: [
        "\(plan.ruleName) keeps squares of a layer's inputs and outputs, and the tensor "
          + "'\(quotable(wide.name))' has \(grouped(wide.count / max(1, wide.shape[0]))) and "
          + grouped(wide.shape[0])
      ])
    }
    if let shampoo = plan.rule as? ShampooDistributed,
      let many = kinds.map(\.parameter).first(where: {
        $0.shape.count > 1
          && $0.shape.reduce(1.0) { $0 * (Double($1) / Double(shampoo.longestAxis)).rounded(.up) }
            > 1e5
      })
    {
      throw RecipeError(problems: [
        "max_preconditioner_dim=\(shampoo.longestAxis) would cut the tensor '\(quotable(many.name))' "
          + "into more than 100,000 blocks: set it higher, such as 1024"
      ])
    }
    let alike = kinds.map(\.parameter)
    let memory = try plan.memory(for: alike)
    let counts = Dictionary(
      kinds.map { ($0.parameter.name, $0.count) }, uniquingKeysWith: { a, _ in a })
    let slots = memory.slots.reduce(0) { $0 + $1.bytes * (counts[$1.parameter] ?? 1) }
    return (
      slots + plan.rule.outsideBytes(for: subject.parameters),
      plan.rule.workingBytes(for: subject.parameters)
    )
  }

  /// Whether a rule keeps matrices as long and as wide as an axis.
  private func squares(_ rule: any Rule) -> Bool {
    if rule.needs.contains(.layers) { return true }
    let matrix = ParameterInfo("matrix", shape: [8, 8], role: .matrix)
    return rule.slots(for: matrix).contains { $0.shape.map { $0.count > 1 } ?? false }
  }
}
