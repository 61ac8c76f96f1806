import Descent
import DescentLab
import DescentTraining
import Testing

/// What is said of metrics: one table.
@Suite("Metrics") struct MetricTests {
  /// The names of what a rule keeps, and of what it writes down after a step.
  private static func names<R: Rule>(_ rule: R) throws -> [String] {
    let kept = R.Variables.fields.map(\.name).filter { $0 != "step" }
    guard rule.needs.isDisjoint(with: [.evaluations, .layers, .hessianDiagonal, .sampledGradients])
    else { return kept }
    let parameters = [ParameterInfo("a", shape: [3, 2], role: .matrix)]
    let optimizer = try Optimizer<Double>(OptimizerPlan(rule), parameters: parameters)
    var weights = [[0.5, -1, 2, 0.25, 1, -0.5]]
    _ = try optimizer.step(&weights, gradients: [[0.1, 0.2, -0.3, 0.1, 0.05, 0.2]])
    return kept + optimizer.metrics.map(\.name)
  }

  @Test(
    "whatever a rule writes down has a title and is explained", arguments: Rules.all.map { $0.name }
  )
  func rules(_ name: String) throws {
    let type = try Rules.named(name)
    for key in try Self.names(type.init()) {
      for key in key.hasPrefix("trust_ratio") ? [key] : [key, "\(key)/group"] {
        let metric = Metric.of(key)
        #expect(metric.title != key && !metric.meaning.isEmpty, "\(key) of \(name)")
      }
    }
  }

  @Test(
    "whatever a run writes down has a title",
    arguments: [
      ("gan", ["model.channels=[6,4]", "model.latent=4"]),
      ("rl", ["model.hidden=[8]", "data.rollout=16", "data.episodes=2"]),
      (
        "diffusion",
        [
          "model.layers=1", "model.width=8", "model.heads=2", "data.classes=[3,8]",
          "model.samples=1",
          "model.sampling_steps=2", "average=none", "schedule=none",
        ]
      ),
      (
        "digits-mlp",
        [
          "epochs=none", "precision=bf16", "weights.format=bf16", "optimizer.name=lamb",
          "schedule=none",
          "instruments.every=1", "average.name=ema",
        ]
      ),
      ("digits-mlp", ["epochs=none", "optimizer.name=kfac", "schedule=none"]),
      ("digits-mlp", ["epochs=none", "optimizer.name=sophia-g", "schedule=none"]),
      ("digits-mlp", ["epochs=none", "optimizer.name=lbfgs", "schedule=none", "clip=none"]),
    ])
  func runs(_ name: String, _ changes: [String]) throws {
    let yaml = try #require(BuiltInRecipes.yaml(name))
    let recipe = try Recipe(
      yaml: yaml, overrides: changes + ["steps=2", "evaluate.every=1", "target=none"])
    try inFolder { folder in
      try Trainer(recipe).run(in: RunDirectory(new: folder, name: ""))
      let tracks = try #require(try RunLog.read([folder]).first).tracks
      #expect(tracks.count > 8)
      for key in tracks.keys { #expect(Metric.of(key).title != key, "\(key)") }
    }
  }

  @Test(
    "intervals end where the metric does, unless its values do not",
    arguments: [
      ("val_accuracy", [0.98, 1, 1], 1.0, true), ("val_loss", [0.01, 0.2, 0.02], 0, false),
      ("val_loss", [-3, -2, 4], -9.738, false), ("mine", [0.98, 1, 1], 1.02, true),
      ("val_r2", [0.9, 1, 1], 1, true),
    ] as [(String, [Double], Double, Bool)])
  func clipped(_ key: String, _ values: [Double], _ end: Double, _ isHigh: Bool) throws {
    let interval = try #require(Metric.of(key).clipped(Sample(values).interval, of: values))
    let found = isHigh ? interval.high : interval.low
    #expect(abs(found - end) < 0.005, "\(interval)")
    let cell = StudyVerdict.Cell(label: "a", values: values, isRatio: false, metric: .of(key))
    #expect(cell.interval?.low == interval.low && cell.interval?.high == interval.high)
  }

  @Test("differences of shares are at most 1") func differences() throws {
    func cell(_ values: [Double], _ metric: Metric?) -> StudyVerdict.Cell {
      .init(label: "a", values: values, isRatio: false, metric: metric)
    }
    let (a, b) = ([1.0, 0.9, 1], [0.1, 0.9, 0.2])
    let free = StudyComparison(cell(a, nil), cell(b, nil), isRatio: false)
    let bounded = StudyComparison(
      cell(a, .of("val_accuracy")), cell(b, .of("val_accuracy")), isRatio: false)
    #expect(try #require(free.interval).high > 1 && #require(bounded.interval).high == 1)
    #expect(bounded.sentence.contains("to 1,"), "\(bounded.sentence)")
    #expect(free.p == bounded.p)
  }
}
