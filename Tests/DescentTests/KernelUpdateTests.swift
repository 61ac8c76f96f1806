import Descent
import DescentCompute
import Testing

/// Rules have their own loops, which any processor runs and the formula's tests hold, and some have one more
/// for wide vectors: both give the same bits.
@Suite("update loops for wide vectors") struct KernelUpdateTests {
  private static let cases = [
    "sgd": ["", "weight_decay=0.1", "momentum=0.9 dampening=0.1", "momentum=0.9 nesterov=true"],
    "adam": ["", "weight_decay=0.1", "amsgrad=true", "bias_correction=false"],
    "adamw": ["", "amsgrad=true weight_decay=0.3 eps=0.001"],
    "nadam": ["", "weight_decay=0.1"],
    "radam": ["", "betas=0.9,0.9 weight_decay=0.1"],
    "lion": ["", "weight_decay=0.1"],
    "rmsprop": [
      "", "weight_decay=0.1", "centered=true", "momentum=0.9", "centered=true momentum=0.9",
    ],
    "adagrad": ["", "weight_decay=0.1 lr_decay=0.1"],
    "adadelta": ["", "weight_decay=0.1"],
    "adamax": ["", "weight_decay=0.1"],
    "rprop": ["", "etas=0.4,1.5 step_sizes=0.001,0.1"],
    "asgd": ["", "weight_decay=0.1 t0=2"],
    "lars": [
      "", "variant=optax", "variant=pytorch_optimizer", "momentum=0.5 weight_decay=0.1",
    ],
    "sophia-g": ["hess_interval=2", "weight_decay=0.1"],
    "sophia-h": ["update_interval=2", "weight_decay=0.1"],
    "dadapt-adam": ["", "weight_decay=0.1 decouple=true", "use_bias_correction=true"],
    "schedule-free-adamw": ["", "weight_decay=0.1 warmup_steps=3"],
    "schedule-free-sgd": ["", "weight_decay=0.1"],
    "prodigy": [
      "", "weight_decay=0.1 decouple=false", "betas=0,0.99", "safeguard_warmup=true slice_p=1",
      "use_bias_correction=true weight_decay=0.1",
    ],
    "lamb": [
      "", "variant=pytorch_optimizer", "variant=apex", "variant=deepspeed",
      "variant=apex grad_averaging=false",
    ],
    "adafactor": ["", "beta1=0.9", "relative_step=false lr=0.01 weight_decay=0.1"],
    "adafactor-torch": ["", "weight_decay=0.1"],
  ]
  private static let rules = cases.flatMap { name, all in all.map { (name, $0) } }

  /// Magnitudes from denormal numbers to large ones, zeros of both signs, whole vectors of zeros.
  private static func gradients(_ count: Int, step: Int) -> [Float] {
    let plain = noise(count, seed: UInt64(step))
    return plain.indices.map { i in
      switch (i + step) % 23 {
      case 0: 0
      case 1: -0.0
      case 2: plain[i] * 0x1p-135
      case 3: plain[i] * 1e12
      case 4: plain[i] * 1e-9
      default: i / 64 % 5 == 0 ? 0 : plain[i]
      }
    }
  }

  private func weights(
    _ rule: any Rule, _ format: StateStorage.Format, shape: [Int], kernels: Bool
  ) throws -> [[Float]] {
    // One parameter in one piece: the thread that chose the instruction set does the work.
    let parameter = ParameterInfo("w", shape: shape)
    var storage = StateStorage(format)
    storage.minimum = 1
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: [], state: storage), parameters: [parameter], needs: .byCaller)
    optimizer.allowsKernels = kernels
    var w = [noise(parameter.count, seed: 99)]
    var path: [[Float]] = []
    for step in 1...6 {
      let gradients = [Self.gradients(parameter.count, step: step)]
      let report = try optimizer.step(&w, gradients: gradients)
      #expect(report.applied)
      if optimizer.curvatureIsDue {
        _ = try optimizer.foldCurvature([noise(parameter.count, seed: UInt64(50 + step))])
      }
      path.append(w[0])
    }
    return path
  }

  @Test(
    "have the bits of the rule's own", arguments: rules,
    [StateStorage.Format.float32, .bfloat16, .int8])
  func same(_ rule: (name: String, settings: String), _ format: StateStorage.Format) throws {
    // Which takes no state in fewer bits.
    if format != .float32, rule.settings.contains("centered=true") { return }
    let rule = try makeRule(rule.name, rule.settings)
    defer { Kernels.select(Kernels.available[0]) }
    for set in Kernels.available {
      #expect(Kernels.select(set))
      for shape in [[5], [64], [1031], [7, 3], [33, 61], [3, 700], [5000]] {
        let own = try weights(rule, format, shape: shape, kernels: false)
        let wide = try weights(rule, format, shape: shape, kernels: true)
        for (t, (a, b)) in zip(own, wide).enumerated() {
          guard let i = a.indices.first(where: { a[$0].bitPattern != b[$0].bitPattern }) else {
            continue
          }
          Issue.record("\(set), \(shape), step \(t + 1), element \(i): \(a[i]), \(b[i])")
        }
      }
    }
  }
}
