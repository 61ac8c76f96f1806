import DescentLab
import Foundation
import Testing

/// What the pages from momentum to mixed precision and LoRA say, against values that follow from the
/// formulas.
extension ExplanationTests {
  @Test("momentum adds up to 1/(1−μ), cancels to 1/(1+μ), and the average form needs η/(1−μ)")
  func momentum() throws {
    near(try Self.column("momentum", "buffer", "agreeing").prefix(3) + [], [1, 1.9, 2.71])
    near([try number("momentum", "gain_agreeing")], [10], 1e-4)
    near([try number("momentum", "gain_alternating")], [1 / 1.9], 1e-4)
    let distances = try Self.column("momentum", "forms", "distance")
    #expect(distances[0] == 0 && distances[1] < 1e-13 && distances[2] > 0.1 && distances[3] > 0.1)
    // Dampening leaves the first step whole.
    near(try Self.column("momentum", "forms", "first_step"), [-0.18, -0.18, -0.018, -1.8])
    // y is multiplied by 1 − 100·0.018.
    let plain = try Self.exercise("momentum", 0, "comparison", "plain")
    near([plain[0], plain[1]], [-0.8, 10 * pow(0.982, 20)])
    let ball = try Self.exercise("momentum", 0, "comparison", "momentum")
    #expect(ball[3] < plain[3] && ball[4] < plain[4])
    // At a tenth of the rate momentum gains little; the page says so beside the steps.
    let safe = try Self.exercise("momentum", 0, "comparison", "safe")
    #expect(safe[4] < plain[4] && safe[4] > 2 * ball[4])
    let advice = try truth("momentum", "turning momentum on")
    for steps in [plain[4], ball[4], safe[4]] {
      #expect(advice.contains(" \(Int(steps))"), "\(steps)")
    }
  }

  @Test("both forms of Nesterov visit the same points") func nesterov() throws {
    #expect(try number("nesterov", "distance_ahead") == 0)
    #expect(try number("nesterov", "distance_behind") > 0.1)
    let ball = try Self.column("nesterov", "comparison", "heavy_ball")
    let nesterov = try Self.column("nesterov", "comparison", "nesterov")
    #expect(zip(nesterov, ball).allSatisfy { $0 < $1 })
  }

  @Test("AdaGrad's steps shrink as 1/√t, RMSprop's begin at 1/√(1−α)") func rmsprop() throws {
    near(
      try Self.column("rmsprop", "lengths", "adagrad"),
      [1, 10, 100, 1000].map { 1 / $0.squareRoot() }, 1e-6)
    near(
      try Self.column("rmsprop", "lengths", "rmsprop"),
      [1, 10, 100, 1000].map { 1 / (1 - pow(0.99, $0)).squareRoot() }, 1e-6)
    let (means, expected) = (
      try Self.column("rmsprop", "noise", "mean_step"),
      try Self.column("rmsprop", "noise", "expected")
    )
    near(means, expected, 0.05)
  }

  @Test("the averages at steps 1 and 100, the sum of weights at step 3, the steps without")
  func biasCorrection() throws {
    near(
      try Self.exercise("bias-correction", 0, "moments", "m"), [0.1, 1 - pow(0.9, 100)])
    near(
      try Self.exercise("bias-correction", 0, "moments", "v"), [0.001, 1 - pow(0.999, 100)])
    near(try Self.exercise("bias-correction", 0, "moments", "m_hat"), [1, 1])
    near(try Self.exercise("bias-correction", 0, "moments", "v_hat"), [1, 1])
    let sums = try truth("bias-correction", "0.65")
    #expect(sums.contains("0.081, 0.09, 0.1, and their sum is 1 − 0.9³ = 0.271."))
    #expect(sums.contains("0.651 is the sum at step 10"))
    near(
      try Self.column("bias-correction", "step_lengths", "uncorrected"),
      [1, 2, 10, 100, 1000, 3000].map { t in
        (1 - pow(0.9, t)) / (1 - pow(0.999, t)).squareRoot()
      }, 1e-6)
    near(try Self.column("bias-correction", "step_lengths", "corrected"), [1, 1, 1, 1, 1, 1], 1e-6)
    let shares = try Self.column("bias-correction", "windows", "share")
    near(shares, [(0.9, 10), (0.95, 20), (0.99, 100), (0.999, 1000)].map { 1 - pow($0.0, $0.1) })
    let five = try #require(Self.json("bias-correction")["exercises"] as? [[String: Any]])[1]
    #expect((five["question"] as? String)?.contains("is 5") == true)
    #expect(
      try number("bias-correction", "largest_uncorrected")
        > 2 * number("bias-correction", "largest_corrected"))
    let text = try Self.page("bias-correction").text()
    #expect(text.contains("m = 0.1·5 = 0.5 and v = 0.001·25 = 0.025"))
  }

  @Test("L2 bends decay by the size of gradients, AdamW does not; the order of decay")
  func adamW() throws {
    let even = try Self.column("adamw", "left", "adamw")
    near(even, even.map { _ in pow(1 - 1e-4, 1000) }, 1e-9)
    // Off a weight of exactly 1: η·λ, and with L2 what is left of η·λ/√v, at most η.
    let perStep = try Self.exercise("adamw", 0, "decay_per_step", "adamw")
    near(perStep.map { $0 / 1e-4 }, [1, 1, 1], 1e-4)
    let bentPerStep = try Self.exercise("adamw", 0, "decay_per_step", "l2")
    near(
      zip(bentPerStep, [0.01, 1, 100]).map { $0 / (1e-4 / ($1 * $1 + 0.01).squareRoot()) },
      [1, 1, 1], 0.02)
    let bent = try Self.column("adamw", "left", "l2")
    #expect(bent[0] < 0.3 && bent[4] > 0.98 && zip(bent, bent.dropFirst()).allSatisfy { $0 < $1 })
    near(
      [
        try number("adamw", "decay_first"), try number("adamw", "decay_of_old"),
        try number("adamw", "decay_of_new"),
      ], [0.85, 0.85, 0.855])
    let (l2, adamw) = (
      try Self.column("adamw", "real_run", "l2"), try Self.column("adamw", "real_run", "adamw")
    )
    #expect(l2[0] < l2[4] && (adamw.max() ?? 1) - (adamw.min() ?? 0) < 0.1)
  }

  @Test("without warmup the loss of a real run jumps up first, with it it does not")
  func warmup() throws {
    let first = try number("warmup", "first_loss")
    #expect(try number("warmup", "largest_cold") > 2 * first)
    #expect(try number("warmup", "largest_warm") < 1.2 * first)
    #expect(try number("warmup", "move_first") > 0.9 && number("warmup", "move_later") < 0.3)
    let last = try Self.column("warmup", "rates", "last")
    #expect(last[1] < last[0] / 3 && last[1] < last[2] / 3)
    #expect(try !Self.page("warmup").text().contains("LayerNorm keeps statistics"))
  }

  @Test("the exercise of the cosine, and what a falling rate is good for") func cosine() throws {
    let u = 48_000.0 / 98_000
    let half = 2e-5 + 1.8e-4 * (1 + cos(.pi * u)) / 2
    let last = 2e-5 + 1.8e-4 * (1 + cos(.pi * (97_999.0 / 98_000))) / 2
    near(
      try Self.exercise("cosine", 0, "values", "lr"),
      [1e-7, 1001e-7, 2e-4, half, last, 2e-5], 1e-15)
    near(
      try Self.exercise("cosine", 0, "values", "lr_from_zero"),
      [0, 1e-4, 2e-4, half, last, 2e-5], 1e-15)
    let ends = try Self.column("cosine", "noisy_bowl", "last")
    #expect(ends[3] < ends[0] / 2 && ends[3] < ends[1] / 2 && ends[3] < ends[2] / 2)
    #expect(try truth("cosine", "2,000,000").contains("500,000"))
    #expect(try Self.page("cosine").text().contains("--at 0,1000,2000,50000,100000"))
    #expect(try truth("cosine", "once per epoch").contains("100 % of the peak"))
    #expect(try truth("cosine", "once per epoch").contains("warmup at 5 %"))
    #expect(try truth("cosine", "past its end").contains("0.5 after 150 and 1 after 200"))
  }

  @Test("clipping keeps a bad batch from doing harm, and the direction") func clipping() throws {
    #expect(try number("clipping", "largest_clipped") < number("clipping", "largest_open") / 10)
    let steps = try Self.column("clipping", "adam_steps", "open")
    #expect(steps[0] > 0.99 && steps[3] < 0.1 && steps[4] < 0.1)
    near(try Self.column("clipping", "adam_steps", "clipped"), [1, 1, 1, 1, 1], 0.1)
    let angles = try Self.column("clipping", "direction", "angle")
    near([angles[1]], [0], 1e-9)
    near([angles[2]], [(atan2(4, 0.3) - atan2(1, 0.3)) * 180 / .pi])
    near(try Self.column("clipping", "direction", "g2"), [4, 4 / (16.09.squareRoot() + 1e-6), 1])
    near(
      try Self.column("clipping", "limits", "clipped").enumerated().map { $0 == 2 ? 0.05 : $1 },
      [1, 0.5, 0.05, 0], 0.02)
  }

  @Test("what 16 bits hold, and what becomes of small updates") func mixedPrecision() throws {
    near(
      try Self.column("mixed-precision", "formats", "next"),
      [1 + 0x1p-23, 1 + 0x1p-7, 1 + 0x1p-10], 1e-15)
    near(
      try Self.column("mixed-precision", "formats", "smallest"), [0x1p-149, 0x1p-133, 0x1p-24], 0)
    near(
      try Self.column("mixed-precision", "formats", "pi"),
      [Double(Float(Double.pi)), 3.140625, 3.140625], 1e-9)
    #expect(try Self.page("mixed-precision").text().contains("3.1415927"))
    let bare = try Self.column("mixed-precision", "gradients", "bare")
    let scaled = try Self.column("mixed-precision", "gradients", "scaled")
    #expect(bare[3] == 0 && bare[4] == 0 && scaled.allSatisfy { $0 > 0 })
    let weights = try Self.column("mixed-precision", "updates", "weight")
    near([weights[0]], [2], 1e-4)
    #expect(weights[1] == 1)
    near([weights[2], weights[3]], [2, 2], 0.05)
    let lost = try Self.column("mixed-precision", "updates", "lost")
    #expect(lost[1] == 1)
    // 3·16384 fits float16, 3·32768 does not; after 200 steps 0.3·131072 does.
    #expect(try number("mixed-precision", "last_scale") == 131_072)
  }

  @Test("a larger alpha is a larger step; moved into the rate it is the same run") func lora()
    throws
  {
    let changes = try Self.column("lora", "first_step", "change")
    near([changes[1] / changes[0], changes[3] / changes[2]], [2, 2], 1e-3)
    let losses = try Self.column("lora", "alpha_and_rate", "last")
    #expect(losses[1] < losses[0])
    near([losses[2] / losses[1]], [1], 0.01)
    let d = try Self.column("lora", "prodigy", "d")
    #expect(d[0] > d[1] && d[1] > d[2])
    #expect(try truth("lora", "both A and B at 0").contains("is 0."))
  }
}
