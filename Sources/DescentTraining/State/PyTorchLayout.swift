import Descent

/// How PyTorch, bitsandbytes and prodigyopt keep the state of a rule that they have as well.
struct PyTorchLayout: Sendable {
  /// How the number of a parameter's updates is kept, under `step`.
  enum Count: Sendable {
    /// A scalar tensor: torch.optim.
    case tensor
    /// A number: prodigyopt.
    case number
    /// It is not.
    case none
  }

  /// The rule.
  let rule: String
  /// The class there.
  let optimizer: String
  /// How updates are counted.
  let count: Count
  /// Whether the class there has state for every parameter from the start.
  let isEager: Bool
  /// The slots that bitsandbytes calls `state1` and `state2`, and whether their 8-bit codes are those of
  /// the signed map here; there `state1` has the signed map and `state2` the unsigned.
  let quantized: [(slot: String, isSigned: Bool)]
  /// The slots that are kept as one row.
  let flat: [String]
  /// The rule's variables, and what a parameter group there calls them.
  let variables: [(field: String, key: String)]

  private init(
    _ rule: String, _ optimizer: String, _ count: Count = .tensor, isEager: Bool = false,
    quantized: [(slot: String, isSigned: Bool)] = [], flat: [String] = [],
    variables: [(field: String, key: String)] = []
  ) {
    (self.rule, self.optimizer, self.count) = (rule, optimizer, count)
    self.isEager = isEager
    (self.quantized, self.flat, self.variables) = (quantized, flat, variables)
  }

  private static let moments = [("exp_avg", true), ("exp_avg_sq", false)]

  /// Every rule that has one. All other slots have the same names and shapes there.
  static let all: [PyTorchLayout] = [
    .init("sgd", "SGD", .none, quantized: [("momentum_buffer", true)]),
    .init("adagrad", "Adagrad", isEager: true, quantized: [("sum", false)]),
    .init("rmsprop", "RMSprop", quantized: [("square_avg", false)]),
    .init("adam", "Adam", quantized: moments),
    .init("adamw", "AdamW", quantized: moments),
    .init("nadam", "NAdam"),
    .init("radam", "RAdam"),
    .init("adamax", "Adamax"),
    .init("adadelta", "Adadelta"),
    .init("rprop", "Rprop"),
    .init("asgd", "ASGD"),
    .init("adafactor-torch", "Adafactor"),
    .init("muon", "Muon", .none),
    .init("lion", "Lion", .none, quantized: [("exp_avg", true)]),
    .init(
      "prodigy", "Prodigy", .number, flat: ["s", "p0"],
      variables: [
        ("d", "d"), ("d_hat_max", "d_max"), ("d_numerator", "d_numerator"), ("d_denom", "d_denom"),
        ("k", "k"),
      ]),
    .init("lbfgs", "LBFGS", .none),
  ]

  /// The layout of a rule's state.
  ///
  /// - Throws: `RecipeError` for a rule that none of them has.
  static func of(_ rule: String) throws(RecipeError) -> PyTorchLayout {
    guard let layout = all.first(where: { $0.rule == rule }) else {
      let names = all.map(\.rule).joined(separator: ", ")
      throw RecipeError(problems: [
        "the state of \(rule) has no form in PyTorch; those that have one: \(names)"
      ])
    }
    return layout
  }
}
