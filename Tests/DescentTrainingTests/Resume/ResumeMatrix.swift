import Descent
import DescentCompute
import DescentTraining
import Foundation
import Testing

/// What a run can have one of.
struct ResumeAxis: Sendable {
  let name: String
  /// Each value: a name, and the changes of a recipe that bring it.
  let values: [(name: String, changes: [String])]

  private init(_ name: String, _ values: KeyValuePairs<String, [String]>) {
    self.init(name, values.map { ($0.key, $0.value) })
  }

  private init(_ name: String, _ values: [(name: String, changes: [String])]) {
    (self.name, self.values) = (name, values)
  }

  /// All axes. Numbers are such that within a few steps everything happens that ever happens.
  static let all: [ResumeAxis] = [
    task, rule, state, weights, precision, average, schedule, clip, gradient, groups,
    ResumeAxis("dropout", ["none": [], "0.2": ["model.dropout=0.2"]]),
    ResumeAxis("accumulate", ["1": [], "2": ["accumulate=2"]]),
    ResumeAxis("release", ["no": [], "yes": ["release_gradients=true"]]),
    ResumeAxis("nonfinite", ["stop": [], "skip": ["nonfinite=skip"]]),
  ]

  /// Model and data; the files lie in `FOLDER`.
  private static let task: ResumeAxis = {
    let gpt = [
      "data.kind=text", "data.path=FOLDER/text", "model.kind=gpt", "model.layers=1",
      "model.heads=2", "model.width=8", "model.context=8",
    ]
    let idx = ["data.kind=idx", "data.images=FOLDER/images", "data.labels=FOLDER/labels"]
    let cnn = ["model.kind=cnn", "model.channels=3"]
    let mlp = ["model.kind=mlp", "model.hidden=6,5"]
    return ResumeAxis(
      "task",
      [
        "gpt, characters": gpt, "mlp, table": ["data.kind=csv", "data.path=FOLDER/table"] + mlp,
        "gpt, bytes, recomputed": gpt + ["data.tokenizer=byte", "model.recompute=layers"],
        "cnn, idx": idx + cnn, "mlp, idx": idx + mlp,
        "cnn, idx, recomputed": idx + cnn + ["model.recompute=layers"],
      ])
  }()

  /// Every rule, and options that keep other state.
  private static let rule: ResumeAxis = {
    let settings: [String: [String]] = [
      "sgd": ["momentum=0.9", "nesterov=true"], "rmsprop": ["momentum=0.9"], "asgd": ["t0=2"],
      "adafactor": ["lr=1e-3", "relative_step=false", "beta1=0.9"],
      "sophia-g": ["hess_interval=3"], "sophia-h": ["update_interval=3"],
      "shampoo": ["preconditioning_compute_steps=3"],
      "shampoo-distributed": ["precondition_frequency=2", "grafting=adam"],
      "soap": ["precondition_frequency=2"],
      "kfac": ["inv_update_steps=3", "factor_update_steps=2"], "lbfgs": ["max_iter=2"],
    ]
    let variants: KeyValuePairs = [
      "sgd": [], "adam": ["amsgrad=true"], "rmsprop": ["centered=true"],
      "lbfgs": ["max_iter=2", "line_search_fn=strong_wolfe"],
      "kfac": ["compute_method=inverse", "inv_update_steps=2"],
    ]
    let all = Rules.names.map { ($0, settings[$0] ?? []) } + variants.map { ($0.key, $0.value) }
    return ResumeAxis(
      "rule",
      all.map { name, settings in
        (
          ([name] + settings).joined(separator: " "),
          ["optimizer.name=\(name)"] + settings.map { "optimizer.\($0)" }
        )
      })
  }()

  private static let state = ResumeAxis(
    "state",
    StateStorage.Format.allCases.map {
      ($0.rawValue, ["optimizer.state=\($0.rawValue)", "optimizer.state_minimum=1"])
    } + [
      (
        "int8 by table",
        ["optimizer.state=int8", "optimizer.state_minimum=1", "optimizer.state_codes=table"]
      )
    ])

  private static let weights = ResumeAxis(
    "weights",
    [("float32", [])]
      + WeightStorage.Rounding.allCases.map {
        ("bf16 \($0.rawValue)", ["weights.format=bf16", "weights.rounding=\($0.rawValue)"])
      })

  private static let precision = ResumeAxis(
    "precision",
    Precision.allCases.map { ($0.rawValue, ["precision=\($0.rawValue)"]) } + [
      // The first attempts overflow and are skipped; later on the scale grows.
      (
        "fp16 with skipped steps",
        [
          "precision=fp16", "loss_scale.init_scale=1e9", "loss_scale.backoff_factor=0.125",
          "loss_scale.growth_interval=3",
        ]
      )
    ])

  private static let average: ResumeAxis = {
    let settings = [
      "ema": ["warmed=true"], "swa": ["start=2", "every=2"], "lawa": ["window=3", "every=2"],
      "lookahead": ["k=3"],
    ]
    return ResumeAxis(
      "average",
      [("none", [])]
        + WeightAverages.all.map { average in
          (
            average.name,
            ["average.name=\(average.name)"]
              + (settings[average.name] ?? []).map { "average.\($0)" }
          )
        })
  }()

  private static let schedule = ResumeAxis(
    "schedule",
    [
      "none": [],
      "warmup and cosine": ["schedule.name=cosine", "schedule.warmup=3", "WEIGHT_DECAY=linear"],
      "plateau": [
        "schedule.name=plateau", "schedule.patience=0", "schedule.threshold=0.5",
        "schedule.factor=0.5", "schedule.cooldown=1",
      ],
      "greedy": ["schedule.name=greedy", "schedule.min_lr=1e-6"],
      "onecycle": ["schedule.name=onecycle", "CYCLES"],
      "cyclic": ["schedule.name=cyclic", "schedule.step_size_up=3", "CYCLES"],
    ])

  private static let clip = ResumeAxis(
    "clip",
    [
      "none": [], "norm": ["clip.norm=0.1"], "others": ["clip.value=0.05", "clip.adaptive=0.5"],
    ])

  private static let gradient = ResumeAxis(
    "gradient",
    ["plain": [], "noisy": ["gradient.centralize=true", "gradient.noise=0.01"]])

  private static let groups = ResumeAxis(
    "groups",
    [
      "customary": [],
      "muon for matrices": ["optimizer.groups=[{role: 'matrix, convolution', optimizer: muon}]"],
      "own rate, schedule and state": [
        "optimizer.groups=[{rank: 1, lr: 2e-3, schedule: {name: plateau, patience: 0}}, "
          + "{role: 'matrix, convolution', state: float32}]"
      ],
      "frozen": ["optimizer.groups=[{role: 'norm, bias', frozen: true}]"],
      "falling from layer to layer": ["optimizer.layer_decay=0.8"],
    ])
}

/// A run that is stopped and resumed: one row of the matrix, and when it stops.
struct ResumeCase: Sendable, CustomTestStringConvertible {
  /// For each axis, which of its values.
  let row: [Int]
  /// Attempts at a step, skipped ones too, before the run is stopped.
  let stop: Int
  /// Threads of the run that is not stopped, before the stop, and after it.
  let threads: [Int]

  /// Steps of all runs.
  static let steps = 8
  static let seed: UInt64 = 20

  /// The recipe and its changes.
  var testDescription: String {
    "stopped after \(stop) of \(Self.steps), threads \(threads): "
      + Self.changes(of: choices).joined(separator: " ")
  }

  private var choices: [(axis: Int, value: Int)] { row.enumerated().map { ($0, $1) } }

  /// The changes of the recipe, its files in `folder`.
  func changes(in folder: String) -> [String] {
    Self.changes(of: choices).map { $0.replacing("FOLDER", with: folder) }
  }

  /// What all recipes begin as: it goes with every value of every axis.
  static let base = """
    {steps: \(steps), batch: 4, precision: bf16, model: {kind: mlp}, data: {kind: digits},
    optimizer: {name: sgd}, evaluate: {every: 2, batches: 1},
    checkpoint: {keep: 9}}
    """

  /// The changes that some values of some axes bring. What only rules with some settings can have,
  /// others do without.
  static func changes(of choices: [(axis: Int, value: Int)]) -> [String] {
    let changes = choices.flatMap { ResumeAxis.all[$0.axis].values[$0.value].changes }
    let name = changes.last { $0.hasPrefix("optimizer.name=") }.map { $0.dropFirst(15) } ?? "sgd"
    let rule = Rules.all.first { $0.name == name }!
    func settings<R: Rule>(_: R.Type) -> [String] { R.settings.map(\.name) }
    let names = settings(rule)
    return changes.compactMap { change in
      switch change {
      case "CYCLES":
        names.contains("betas") || names.contains("momentum")
          ? nil : "schedule.cycle_momentum=false"
      case "WEIGHT_DECAY=linear":
        names.contains("weight_decay") ? "schedules.weight_decay.name=linear" : nil
      default: change
      }
    }
  }
}

/// All cases, made from the axes and the package's own table of what cannot be combined.
struct ResumeMatrix: Sendable {
  let cases: [ResumeCase]
  /// Pairs of values that stand in no row, as their names.
  let (excluded, impossible): (Set<[String]>, [[String]])
  /// What recipes object to that is no combination.
  let objections: [String]

  static let shared = ResumeMatrix()

  private init() {
    let axes = ResumeAxis.all
    let values = axes.indices.flatMap { axis in
      axes[axis].values.indices.map { (axis: axis, value: $0) }
    }
    func problems(_ choices: [(axis: Int, value: Int)]) -> Set<String> {
      do throws(RecipeError) {
        _ = try Recipe(
          yaml: ResumeCase.base,
          overrides: ResumeCase.changes(of: choices.sorted { $0.axis < $1.axis }))
        return []
      } catch { return Set(error.problems) }
    }
    var (excluded, objections) = (Set<[String]>(), Set<String>())
    func name(_ index: Int) -> String {
      let (axis, value) = values[index]
      return "\(axes[axis].name): \(axes[axis].values[value].name)"
    }
    for index in values.indices { objections.formUnion(problems([values[index]])) }
    let pairs = AllPairs(sizes: axes.map(\.values.count), seed: ResumeCase.seed) { a, b in
      let found = problems([values[a], values[b]])
      objections.formUnion(found.filter { !$0.contains("cannot be combined with") })
      if !found.isEmpty { excluded.insert([name(a), name(b)]) }
      return found.isEmpty
    }
    var random = RandomStream(seed: ResumeCase.seed, stream: 1)
    cases = pairs.rows.map { row in
      let threads = random.permutation(of: 3).map { $0 + 1 }
      return ResumeCase(row: row, stop: random.integer(below: ResumeCase.steps), threads: threads)
    }
    (self.excluded, self.objections) = (excluded, objections.sorted())
    impossible = pairs.impossible.map { [name($0), name($1)] }
  }
}

/// Small files to learn from.
enum ResumeData {
  /// Writes all that the matrix's recipes name.
  static func write(to folder: String) throws {
    var random = RandomStream(seed: 4)
    func save(_ bytes: [UInt8], _ name: String) throws {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    let letters = Array("abcde ".utf8)
    try save((0..<400).map { _ in letters[random.integer(below: 6)] }, "text")
    let rows = (0..<40).map { row in
      (0..<4).map { _ in "\(random.normal())," }.joined() + "abc".map { "\($0)" }[row % 3]
    }
    try save(Array(rows.joined(separator: "\n").utf8), "table")
    let numbers = (0..<40).map { row in
      "\(random.normal()),\(random.normal()),\(0.1 * Double(row % 9))"
    }
    try save(Array(numbers.joined(separator: "\n").utf8), "numbers")
    let answers = (0..<20).map { row in
      "{\"prompt\": \"\(row)+\(row % 7)=\", \"completion\": \"\(row + row % 7)\"}"
    }
    try save(Array(answers.joined(separator: "\n").utf8), "answers.jsonl")
    let pixels = (0..<40 * 36).map { _ in UInt8(random.integer(below: 256)) }
    try save([0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 6, 0, 0, 0, 6] + pixels, "images")
    try save([0, 0, 8, 1, 0, 0, 0, 40] + (0..<40).map { UInt8($0 % 3) }, "labels")
  }
}
