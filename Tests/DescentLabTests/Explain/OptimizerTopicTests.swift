import Descent
import DescentLab
import Foundation
import Testing

/// What the pages about state, single optimizers and memory say, against values that follow from the
/// formulas; and which names lead to which topic.
extension ExplanationTests {
  @Test("8 bits: even spacing loses what is small, the spike, the block, bytes")
  func eightBits() throws {
    let linear = try Self.column("8-bit-state", "codes", "linear")
    let tapered = try Self.column("8-bit-state", "codes", "tapered")
    let x = try Self.column("8-bit-state", "codes", "x")
    for (index, x) in x.enumerated() {
      if x < 1.0 / 510 { #expect(linear[index] == 0) }
      #expect(abs(tapered[index] - x) < 0.5 * x)
    }
    let moved = try Self.column("8-bit-state", "spike", "share")
    let errors = try Self.column("8-bit-state", "spike", "error")
    #expect(moved[0] == 1 && abs(moved[1] - 1) < 0.5 && moved[3] > 3)
    #expect(errors[1] < errors[2] && errors[2] < errors[3])
    #expect(
      try number("8-bit-state", "error_outside") < number("8-bit-state", "error_inside") / 3)
    near(
      try Self.column("8-bit-state", "sizes", "state_bytes"), [8, 4, 2 + 8.0 / 256])
    #expect(try truth("8-bit-state", "1.75").contains("from 3 to 1.51"))
    #expect(try !truth("8-bit-state", "no loss at all").contains("a percent or so"))
  }

  @Test("Adafactor: exact for a product of rows and columns, wrong beside an outlier; its steps")
  func adafactor() throws {
    let (least, largest) = (
      try Self.column("adafactor", "factoring", "least"),
      try Self.column("adafactor", "factoring", "largest")
    )
    near([least[0], largest[0]], [1, 1], 1e-9)
    // r of the row of the outlier, of the others, and their mean.
    let (high, mean) = ((1e4 + 31) / 32, ((1e4 + 31) / 32 + 31) / 32)
    near([largest[2]], [(high / mean).squareRoot()], 1e-9)
    near([least[2]], [(1 / mean).squareRoot()], 1e-9)
    near(try Self.column("adafactor", "step_lengths", "relative"), [0.01, 0.01, 0.01, 0.01], 1e-3)
    near(try Self.column("adafactor", "step_lengths", "fixed"), [1e-3, 1e-3, 1e-3, 1e-3], 1e-5)
    let small = try Self.column("adafactor", "step_lengths", "small")
    #expect(small.allSatisfy { abs($0 / 2e-4 - 1) < 0.05 })
    let warm = try Self.column("adafactor", "step_lengths", "warm")
    #expect(zip(warm, [1e-6, 1e-5, 1e-4, 1e-3]).allSatisfy { abs($0 / $1 - 1) < 0.01 })
    near(
      try Self.column("adafactor", "memory", "adafactor"),
      [4 * 8192, 4 * 15104, 4 * 36096, 4 * 4096])
    #expect(try Self.page("adafactor").text().contains("contradicts relative_step=true"))
  }

  @Test("Lion: equal steps, two betas, and a sign that is not that of m") func lion() throws {
    let moved = try ["large", "middle", "small", "none"].map {
      try Self.column("lion", "moved", $0)[1]
    }
    near(moved, [0.01, 0.01, 0.01, 0], 1e-12)
    // The first k with β₁·(2·β₂ᵏ − 1) < 1 − β₁.
    let delays = try Self.column("lion", "betas", "delay")
    near(delays, [59, 68, 6, 0])
    let lengths = try Self.column("lion", "run_lengths", "in_rates")
    #expect(lengths[0] < 0.5 && lengths[1] > 0.9)
    let floor = try Self.column("lion", "floor", "distance")
    #expect(floor[1] < floor[0] / 5 && floor[2] < floor[0] / 10)
    #expect(try truth("lion", "sign(m)").contains("made from the m of the step before"))
  }

  @Test("Prodigy: d is at most the distance, whatever the size of gradients; it never falls")
  func prodigy() throws {
    let (r, s) = (
      try Self.column("prodigy", "steps", "r"), try Self.column("prodigy", "steps", "s")
    )
    let (estimates, d) = (
      try Self.column("prodigy", "steps", "estimate"), try Self.column("prodigy", "steps", "d")
    )
    near(estimates, zip(r, s).map { $0 / $1 })
    // By the formula: d²/d₀ times the magnitudes of the first gradients, 1, 3 and 10.
    near([s[0] / 1e-6], [14], 1e-9)
    #expect(r[0] == 0 && d[0] == 1e-6 && zip(d, d.dropFirst()).allSatisfy { $0 <= $1 })
    let shares = try Self.column("prodigy", "distances", "share")
    #expect(shares.allSatisfy { $0 <= 1 && $0 > 0.1 })
    near(Array(shares[1...2]), [shares[0], shares[0]], 1e-2)
    #expect(try number("prodigy", "d_after") == number("prodigy", "d_before"))
    #expect(try number("prodigy", "estimate_after") < number("prodigy", "d_after"))
    // With noise d can be larger than the distance, and the page does not deny it.
    #expect(try Self.column("prodigy", "noise", "largest").max() ?? 0 > 1)
    #expect(try Self.page("prodigy").text().contains("it can be larger than the distance"))
    let rises = try Self.column("prodigy", "noise", "rise")
    #expect(rises[4] > 2 * rises[0])
    let products = try Self.exercise("prodigy", 1, "scales", "product")
    #expect((products.max() ?? 0) < 2 * (products.min() ?? 0))
    let stuck = try Self.column("prodigy", "stuck", "d")
    #expect(stuck[1] < stuck[0] / 20 && stuck[2] > stuck[0] / 2)
    let exercises = try #require(Self.json("prodigy")["exercises"] as? [[String: Any]])
    #expect(exercises.count == 4)
  }

  @Test("Schedule-Free: x is quieter than y and z, and the mean of all z") func scheduleFree()
    throws
  {
    let (x, y, z) = (
      try number("schedule-free", "loss_x"), try number("schedule-free", "loss_y"),
      try number("schedule-free", "loss_z")
    )
    #expect(x < y && y < z)
    near(try Self.column("schedule-free", "weights", "plain"), [1, 0.1, 0.01, 0.001], 1e-9)
    near(try Self.column("schedule-free", "weights", "falling"), [1, 0.1, 0.01, 0.001], 1e-9)
    let losses = try Self.column("schedule-free", "comparison", "last")
    #expect(losses[1] < losses[0] && losses[2] < losses[0])
    // The means of 400 runs elsewhere.
    let expected = [8.1e-4, 1.45e-3, 1.5e-3, 2.5e-3]
    #expect(zip(losses.dropFirst(), expected).allSatisfy { abs($0 / $1 - 1) < 0.2 }, "\(losses)")
    let (cosine, free) = (
      try Self.column("schedule-free", "anytime", "cosine"),
      try Self.column("schedule-free", "anytime", "free")
    )
    #expect(free[0] > cosine[0] && free[2] < cosine[2] && free[3] > cosine[3])
  }

  @Test("Sophia: steps are clipped to η, and sampled labels give the curvature") func sophia()
    throws
  {
    let (w, steps) = (
      try Self.column("sophia", "clipping", "w"), try Self.column("sophia", "clipping", "step")
    )
    near(steps, w.map { 0.1 * min(1, $0) }, 1e-9)
    let (hessian, sampled) = (
      try Self.column("sophia", "estimator", "hessian"),
      try Self.column("sophia", "estimator", "sampled")
    )
    #expect(zip(hessian, sampled).allSatisfy { abs($1 / $0 - 1) < 0.1 })
    #expect(try Self.column("sophia", "estimator", "data")[2] < hessian[2] / 50)
  }

  @Test("Shampoo makes directions alike, in mixed bowls too; grafting takes a length")
  func shampoo() throws {
    let last = try Self.column("shampoo", "one_step", "value_4")
    near([last[2]], [1], 1e-3)
    let mixed = try Self.column("shampoo", "bowls", "mixed")
    let straight = try Self.column("shampoo", "bowls", "straight")
    #expect(mixed[3] < mixed[1] / 3 && mixed[1] > 10 * straight[1])
    // SGD sees no rows and columns.
    near([mixed[0] / straight[0]], [1], 1e-6)
    near(try Self.column("shampoo", "lengths", "original"), [2, 1, 0.4, 0.2], 1e-3)
    let lengths = try Self.column("shampoo", "grafting", "length")
    near([lengths[2]], [lengths[0]], 1e-6)
    let soap = try Self.column("shampoo", "costs", "soap")
    near([soap[0]], [24 * 1024 * 1024], 1e-6)
  }

  @Test("Muon brings singular values near 1; K-FAC trains; L-BFGS is quick without noise")
  func others() throws {
    let after = try Self.column("muon", "singular_values", "muon")
    #expect(after.allSatisfy { $0 > 0.3 && $0 < 1.3 })
    // Each row is one direction: Muon makes of its length what the five rounds do.
    let lengths = try Self.column("muon", "singular_values", "gradient")
    let norm = lengths.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let (a, b, c) = (Muon().coefficientA, Muon().coefficientB, Muon().coefficientC)
    near(
      after,
      lengths.map { length in
        (0..<5).reduce(length / norm) { x, _ in x * (a + x * x * (b + x * x * c)) }
      }, 1e-6)
    #expect(try truth("muon", "orthogonal").contains("a thousandth ends at 0.47"))
    let pairs = try Self.column("l-bfgs", "pairs", "needed")
    #expect(pairs[2] < pairs[0])
    let match = try Self.column("muon", "lengths", "match")
    #expect(match.allSatisfy { abs($0 - 0.2) < 0.06 })
    #expect(
      try number("k-fac", "error_independent") < 0.15 && number("k-fac", "error_dependent") > 0.2)
    let run = try Self.column("k-fac", "real_run", "last")
    #expect(run[1] < run[0])
    let needed = try Self.column("l-bfgs", "valley", "needed")
    #expect(needed[0] < 100)
    let (own, adam) = (
      try Self.column("l-bfgs", "noisy", "lbfgs"), try Self.column("l-bfgs", "noisy", "adam")
    )
    #expect(own[0] < 1e-12 && own[3] > adam[3])
  }

  @Test("7 billion parameters: 0, 28 and 56 GB of state, 112 GB with weights and gradients")
  func memory() throws {
    near(
      try Self.exercise("memory", 0, "seven_billion", "state"), [0, 28e9, 56e9])
    near(
      try Self.exercise("memory", 0, "seven_billion", "with_weights"), [28e9, 56e9, 84e9])
    near(
      try Self.exercise("memory", 0, "seven_billion", "with_gradients"), [56e9, 84e9, 112e9])
    near(
      try Self.column("memory", "sharding", "bytes"), [112e9, 63e9, 38.5e9, 14e9])
  }

  @Test(
    "other names of the second half",
    arguments: [
      ("int8", "8-bit-state"), ("8bit", "8-bit-state"), ("adamw8bit", "8-bit-state"),
      ("factored", "adafactor"), ("d", "prodigy"), ("schedulefree", "schedule-free"),
      ("sophia_g", "sophia"), ("soap", "shampoo"), ("kfac", "k-fac"), ("lbfgs", "l-bfgs"),
      ("7B", "memory"), ("zero", "memory"), ("newton-schulz", "muon"),
      ("amsgrad", "bias-correction"), ("nadam", "bias-correction"), ("wsd", "cosine"),
      ("dampening", "momentum"), ("rho", "sophia"), ("d0", "prodigy"), ("d_coef", "prodigy"),
      ("growth_rate", "prodigy"), ("betas", "bias-correction"), ("beta1", "bias-correction"),
      ("eps", "rmsprop"), ("floor_ratio", "cosine"), ("onecycle", "cosine"),
      ("OneCycleLR", "cosine"), ("kahan", "mixed-precision"), ("kl_clip", "k-fac"),
      ("history_size", "l-bfgs"), ("warmup_init", "adafactor"), ("d_max", "prodigy"),
    ])
  func others(_ name: String, _ topic: String) throws {
    #expect(try Topics.named(name).name == topic)
  }

  @Test("every rule, every schedule and every setting of theirs leads to a topic")
  func everyName() throws {
    func settings(_ type: (some Configurable).Type) -> [String] { type.settings.map(\.name) }
    let names =
      Rules.names + Rules.all.flatMap { settings($0) }
      + Schedules.names + Schedules.all.flatMap { settings($0) }
    for name in Set(names) {
      #expect(throws: Never.self, "\(name)") { _ = try Topics.named(name) }
    }
  }

  @Test(
    "lines of the second half's formulas are those of the rule",
    arguments: [
      ("adafactor", Adafactor.about.formula, ["u = g/√(r·c/mean(r))", "w ← w − λ·α·w − u"]),
      ("lion", Lion.about.formula, ["c = β₁·m + (1−β₁)·g", "m ← β₂·m + (1−β₂)·g"]),
      ("sophia", SophiaG.about.formula, ["w ← w − η·sign(m)·min(1, |m|/(ρ·B·h + 10⁻¹⁵))"]),
      ("k-fac", KFAC.about.formula, ["V = (G + γ·I)⁻¹·∇W·(A + γ·I)⁻¹"]),
      ("muon", Muon.about.formula, ["A = X·Xᵀ;  X ← a·X + (b·A + c·A²)·X"]),
      ("l-bfgs", LBFGS.about.formula, ["d = −(two-loop recursion over the pairs)·g, from H·I"]),
      ("schedule-free", ScheduleFreeSGD.about.formula, ["z ← z − η·"]),
    ])
  func secondLines(_ name: String, _ rule: String, _ lines: [String]) throws {
    let formula = try #require(Self.json(name)["formula"] as? String)
    for line in lines { #expect(formula.contains(line) && rule.contains(line), "\(line)") }
  }
}
