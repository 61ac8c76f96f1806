import Descent
import DescentCompute
import Foundation

enum ProdigyTopic: Topic {
  static let name = "prodigy"
  static let title = "Prodigy and its d"
  static let summary =
    "How Prodigy finds a learning rate, what d measures, why it never falls and when it stops."
  static let aliases = ["d", "dadapt", "d-adaptation", "dadaptadam", "parameter-free"]

  static func explanation() throws -> Explanation {
    let far = try run(distance: 1)
    return Explanation(
      question: """
        Prodigy finds its own learning rate. How, and what does the number d that it finds mean?
        """,
      answer: """
        d estimates how far the weights have to go from where they started: it is a lower bound \
        of the \
        largest distance any single weight has to travel. That distance is the natural length of \
        Adam's steps, so d multiplies them. From 10⁻⁶ it grows to the size of the problem, in the \
        bowl \
        below within \(rise(far)) steps, and then stays. It does not depend on the size of the \
        gradients, only on \
        where they point; and what a run logs as its learning rate should be d·lr, not lr, which \
        is 1.
        """,
      formula: """
        r ← β₃·r + d²·γ·⟨g, p₀ − w⟩       one number
        s ← β₃·s + d²·γ·g                 one for each weight
        d̂ = r/‖s‖₁;   d ← max(d, d̂)       ‖s‖₁: the sum of |s|
        m ← β₁·m + (1−β₁)·d·g             Adam's averages, with d·g for g
        v ← β₂·v + (1−β₂)·d²·g²
        w ← w − d·γ·m/(√v + d·ε)          d before its update, but in d·ε after it
        """,
      letters: """
        w: the weights; p₀: the weights at the start; g: the gradient; γ: lr, which stays at 1 or \
        follows \
        a schedule; r: how far downhill the way so far has led; s: a sum of gradients; β₁ = 0.9, \
        β₂ = 0.999 (betas); β₃ = √β₂; ⟨a, b⟩: the sum of products. r and ‖s‖₁ are \
        taken over all weights together: one d for the whole model. A common factor 1/d₀ in r and \
        s \
        cancels and is left out.
        """,
      demonstrations: [
        whatItMeasures, try stepByStep(), try distances(), try neverFalls(), try stops(),
        try stuck(),
      ],
      exercises: [
        try whyItOnlyRises(), try whySettingsMatter(), try whatStoppingMeans(),
        try whatASmallValueMeans(),
      ],
      mistakes: try mistakes(),
      advice: """
        Leave lr at 1 and let a cosine bring it down: d does not fall by itself. If d stays at d0 \
        for more than a few hundred steps, raise d0 to 1e-5 or 1e-4, and with a warmup set \
        safeguard_warmup. If d grows too large, set d_coef to 0.5, growth_rate to 1.02 or d_max. \
        Do not clip: clipping changes the gradients that d is made from.
        """,
      recipe: """
        optimizer:
          name: prodigy
          lr: 1
          weight_decay: 0.01
          d_coef: 1
          use_bias_correction: true
        schedule:
          name: cosine
        """,
      reference: """
        Mishchenko, Defazio: Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, \
        arXiv:2306.06101. Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, \
        arXiv:2301.07733.
        """)
  }

  // MARK: Runs

  /// Prodigy in a bowl, f(w) = k/2·Σ cᵢ·(wᵢ − target)², from 0.
  static func run(
    distance: Double, factor k: Double = 1, noise σ: Double = 0, seed: UInt64 = 6,
    steps: Int = 300
  ) throws -> Walk {
    let curvatures = [1, 3, 10.0]
    var random = RandomStream(seed: seed)
    return try Walk(Prodigy(), from: [0, 0, 0], steps: steps) { _, w in
      zip(curvatures, w).map {
        k * ($0 * ($1 - distance) + σ * distance * Double(random.normal()))
      }
    }
  }

  /// d after each step.
  private static func d(_ walk: Walk) -> [Double] { walk.metrics.compactMap { $0["d"] } }

  /// r/‖s‖₁ after each step.
  private static func estimates(_ walk: Walk) -> [Double] {
    walk.metrics.map { ($0["d_numerator"] ?? 0) / ($0["d_denominator"] ?? 1) }
  }

  private static func last(_ walk: Walk) -> Double { d(walk).last ?? 0 }

  /// The steps until d is within 10 % of its last value.
  private static func rise(_ walk: Walk) -> Int {
    let values = d(walk)
    return (values.firstIndex { $0 > 0.9 * (values.last ?? 0) } ?? 0) + 1
  }

  // MARK: Demonstrations

  private static var whatItMeasures: Section {
    Section(
      "What d measures, from the formula",
      [
        .paragraph(
          """
          Suppose the loss is a bowl with its minimum at w*. Then a gradient g at w never points \
          away from \
          it: ⟨g, w − w*⟩ ≥ 0. Write w − w* as (p₀ − w*) − (p₀ − w), and add this up over the \
          steps \
          with the weights that r and s have:
          """),
        .preformatted(
          """
          Σ ⟨g, p₀ − w⟩  ≤  ⟨Σ g, p₀ − w*⟩
                r        ≤  ⟨s, p₀ − w*⟩  ≤  ‖s‖₁ · max |p₀ − w*|
          so  d̂ = r/‖s‖₁  ≤  max |p₀ − w*|
          """),
        .paragraph(
          """
          d is therefore never larger than the longest way a weight has to go. Gradients appear \
          once \
          above the line and once below: multiply the loss by 1000, and d stays the same.
          """),
      ])
  }

  private static func stepByStep() throws -> Section {
    let walk = try run(distance: 1)
    let (values, estimates) = (d(walk), estimates(walk))
    var table = Table(
      [
        .number("step"), .number("travelled", "largest |w − p₀|"), .number("r"),
        .number("s", "‖s‖₁"), .number("estimate", "d̂ = r/‖s‖₁"), .number("d"),
      ], key: "steps", caption: "three weights, each with its minimum at a distance of 1")
    for step in [1, 2, 3, 5, 10, 20, 30, 50, 100, 300] {
      let numbers = walk.metrics[step - 1]
      table.append(
        .ordinal(step), .number(walk.weights[step].map(abs).max() ?? 0),
        .number(numbers["d_numerator"] ?? 0), .number(numbers["d_denominator"] ?? 0),
        .number(estimates[step - 1]), .number(values[step - 1]))
    }
    return Section(
      "d, step by step",
      [
        .paragraph(
          """
          At the first step nothing has been travelled, so r is 0 and d stays at d₀. From then on \
          r grows as long as gradients say that the way so far went downhill, and d with it. A \
          larger d makes longer steps, and these make a larger r: d grows like an avalanche, \
          until the \
          weights are where they had to go.
          """),
        .figures([
          Figure([
            LineChart(
              title: "Prodigy in a bowl whose minimum is 1 away", x: Axis("step"),
              y: Axis("", .logarithmic),
              series: [
                Series("d", points(values, from: 1)),
                Series("d̂, the present estimate", points(estimates, from: 1), .dashed),
                Series(
                  "distance travelled",
                  points(walk.weights.dropFirst().map { $0.map(abs).max() ?? 0 }, from: 1)),
              ], marks: [Mark("distance to the minimum", .y(1))])
          ])
        ]),
        .table(table),
      ])
  }

  private static func distances() throws -> Section {
    var table = Table(
      [
        .number("distance", "distance to go"), .number("factor", "loss times"),
        .number("gradient", "first gradient"), .number("d", "d at the end"),
        .number("share", "d / distance"),
      ], key: "distances")
    for (distance, factor) in [(1.0, 1.0), (1, 1000), (1, 0.001), (0.01, 1), (100, 1)] {
      let walk = try run(distance: distance, factor: factor)
      table.append(
        .number(distance), .number(factor), .number(10 * factor * distance),
        .number(last(walk)), .number(last(walk) / distance))
    }
    return Section(
      "Not the size of gradients, but the distance",
      [
        .paragraph(
          "The same bowl, with losses of other sizes, and with a nearer and a farther minimum."),
        .table(table),
      ])
  }

  private static func neverFalls() throws -> Section {
    let walk = try run(distance: 1)
    let (values, estimates) = (d(walk), estimates(walk))
    let peak = (values.firstIndex { $0 == values.last } ?? 0) + 1
    return Section(
      "Why d never falls",
      [
        .paragraph(
          """
          d is the largest estimate so far, because every estimate is a lower bound: a later, \
          smaller one \
          does not make the earlier one wrong. In this run the estimate is largest at step \
          \(peak). Then \
          the weights go past the minimum, gradients turn round, ⟨g, p₀ − w⟩ becomes negative, and \
          soon the estimate is negative as well: still a true lower bound, but one that says \
          nothing. \
          d stays.
          """),
        .figures([
          Figure([
            LineChart(
              title: "d and the present estimate", x: Axis("step", range: 0...40),
              y: Axis("d", range: -0.5...0.6),
              series: [
                Series("d", points(values, from: 1)),
                Series(
                  "d̂, the present estimate", points(Array(estimates.prefix(peak + 1)), from: 1),
                  .dashed),
              ])
          ])
        ]),
        .facts([
          Fact("step of the largest estimate", .ordinal(peak), key: "peak"),
          Fact("d then", .number(values[peak - 1]), key: "d_before"),
          Fact("d at the end", .number(last(walk)), key: "d_after"),
          Fact("estimate at the end", .number(estimates.last ?? 0), key: "estimate_after"),
        ]),
      ])
  }

  /// d at the end of several runs with noise, and the mean steps to 90 % of it.
  private static func noisy(_ σ: Double) throws -> (least: Double, largest: Double, rise: Double) {
    let walks = try (0..<8).map { try run(distance: 1, noise: σ, seed: UInt64($0)) }
    let ends = walks.map(last)
    return (
      ends.min() ?? 0, ends.max() ?? 0,
      Double(walks.reduce(0) { $0 + rise($1) }) / Double(walks.count)
    )
  }

  private static func stops() throws -> Section {
    var table = Table(
      [
        .number("noise", "noise of g"), .number("least", "least d"),
        .number("largest", "largest d"),
        .number("rise", "steps to 90 % of it", .fixed(0)),
      ], key: "noise", caption: "distance 1; 8 runs of 300 steps, their mean of steps")
    for σ in [0, 1, 3, 10, 30.0] {
      let runs = try noisy(σ)
      table.append(
        .number(σ), .number(runs.least), .number(runs.largest), .number(runs.rise))
    }
    return Section(
      "When d stops",
      [
        .paragraph(
          """
          d grows while gradients at w still point away from p₀, so that ⟨g, p₀ − w⟩ is large \
          beside \
          ‖s‖₁. It stops when the weights have come to where they were going and gradients change \
          their signs. With noise that holds on average only: d takes longer, and where it ends \
          differs from run to run.
          """),
        .table(table),
      ])
  }

  private static func stuck() throws -> Section {
    var table = Table(
      [
        .init("case"), .number("d0", "d₀"), .number("d", "d after 300 steps"),
        .number("rise", "steps to 90 % of it"),
      ],
      key: "stuck")
    func add(
      _ name: String, factor: Double = 1, warmup: Int = 0,
      _ change: (inout Prodigy) -> Void = { _ in }
    ) throws {
      var rule = Prodigy()
      change(&rule)
      let schedules: [(setting: String, schedule: any Schedule)] =
        warmup == 0 ? [] : [("lr", LinearWarmup(warmup: warmup))]
      let walk = try Walk(
        OptimizerPlan(rule, schedules: schedules), from: [0, 0, 0], steps: 300
      ) { _, w in zip([1, 3, 10.0], w).map { factor * $0 * ($1 - 1) } }
      table.append(
        .text(name), .number(rule.initialD), .number(last(walk)), .ordinal(rise(walk)))
    }
    try add("as usual")
    try add("gradients near 1e-10", factor: 1e-10)
    try add("the same, eps 1e-16", factor: 1e-10) { $0.epsilon = 1e-16 }
    try add("warmup over 1,000 steps", warmup: 1000)
    try add("d0 of 1e-12") { $0.initialD = 1e-12 }
    try add("d0 of 1e-12, growth_rate 1.02") {
      ($0.initialD, $0.growthRate) = (1e-12, 1.02)
    }
    return Section(
      "When d stays where it was",
      [
        .paragraph(
          """
          A run in which d is still d₀ has learned nothing. Gradients as small as ε (eps) hold it \
          back, and \
          a limit on its growth; a warmup or a small d₀ only delay it in a bowl without noise, \
          but in a \
          short or noisy run delay may be enough. So may weights whose gradient is 0, such as an \
          adapter's A while its B is 0.
          """),
        .table(table),
      ])
  }

  // MARK: Exercises

  private static func whyItOnlyRises() throws -> Explanation.Exercise {
    let walk = try run(distance: 1)
    return .init(
      "d only rises and never falls. Is it looking for the largest safe learning rate?",
      [
        .paragraph(
          """
          No, nothing in the formula tries out whether a rate is safe. d is the largest lower \
          bound of a \
          distance that was found, and a bound that was true stays true. In the example above the \
          present estimate ends at \(short(estimates(walk).last ?? 0)) while d stays at \
          \(short(last(walk))). That is why the rate needs a schedule: lr, as a factor, has to do \
          the \
          falling.
          """)
      ])
  }

  private static func whySettingsMatter() throws -> Explanation.Exercise {
    var table = Table(
      [
        .number("scale", "scale of the weight"), .number("distance", "distance to go"),
        .number("gradient", "first gradient"), .number("d", "d at the end"),
        .number("product", "d·scale"),
      ], key: "scales", caption: "f(w) = ½(scale·w − 1)² from w = 0")
    for scale in [0.25, 1, 4, 16] {
      let walk = try Walk(Prodigy(), from: [0], steps: 400) { _, w in [scale * (scale * w[0] - 1)] }
      table.append(
        .number(scale), .number(1 / scale), .number(scale), .number(last(walk)),
        .number(last(walk) * scale))
    }
    return .init(
      "Why does d's curve look different for every rank, alpha, initialization and choice of layers?",
      [
        .paragraph(
          """
          Because the weights have another way to go. A LoRA adapter with a smaller scale α/r \
          must move \
          its own weights farther to change the model as much, so d ends higher; a larger scale, \
          lower. Rank, initialization and the choice of layers change how far single weights have \
          to go, too, and how much noise there is. The topic lora shows it on an adapter; here is \
          the \
          least example:
          """),
        .table(table),
      ])
  }

  private static func whatStoppingMeans() throws -> Explanation.Exercise {
    let runs = try noisy(10)
    return .init(
      "d stops rising. Has Prodigy found the right learning rate?",
      [
        .paragraph(
          """
          It has found no longer distance; whether that makes a good rate is another question. \
          With \
          noise of 10 (above) d ended between \(short(runs.least)) and \(short(runs.largest)) in \
          runs of \
          the same problem, whose way is 1 long. A longer \
          distance that is found later can still raise it. Where d has stopped early while the \
          loss \
          still falls slowly, multiply it with d_coef.
          """)
      ])
  }

  private static func whatASmallValueMeans() throws -> Explanation.Exercise {
    let (small, large) = (
      last(try run(distance: 1, factor: 1e-3)), last(try run(distance: 1, factor: 1e3))
    )
    return .init(
      """
      d became small (or large). Does that mean that the gradients are large (or small), and that \
      Prodigy thinks a larger step is safe?
      """,
      [
        .paragraph(
          """
          No. With gradients a thousandth as large d ends at \(short(small)), with gradients a \
          thousand times as large at \(short(large)): the size cancels in r/‖s‖₁. A small d says \
          that the weights had only a short way to go, or that d stopped early. A small scale of \
          the adapter makes gradients small and the way long at the same time: d follows the way. \
          (Only gradients that are as small as ε matter, and those hold d back rather than raise \
          it.)
          """)
      ])
  }

  // MARK: Mistakes

  private static func mistakes() throws -> [Explanation.Mistake] {
    let rate = try run(distance: 0.01)
    return [
      .init(
        "Often written: one letter s for both the second moment and the sum of gradients.",
        but: """
          They are two different arrays. The root is taken of v, the average of d²·g²; the sum of \
          magnitudes ‖s‖₁ of s, the sum of d²·γ·g with its sign. r, beside them, is a single number.
          """),
      .init(
        "Often logged: a learning rate of 1 for the whole run.",
        but: """
          That is lr, the factor. What Adam's lr would be is d·lr: \(short(last(rate))) at the \
          end of the run \
          whose minimum is 0.01 away. Descent logs d·lr as lr, and d beside it.
          """),
      .init(
        "Often said: Prodigy raises d because small gradients look safe.",
        but: """
          d does not see the size of gradients, and it does not test what is safe. It compares \
          how far the \
          weights went downhill with the sum of the gradients.
          """),
      .init(
        "Often said: with Prodigy no schedule is needed.",
        but: """
          It replaces the search for the peak of the rate, not the decline that follows. d never \
          falls; without a \
          schedule the last steps are as long as those in the middle.
          """),
      .init(
        "Often done: a separate learning rate for each group.",
        but: """
          One d serves all groups, and r and s are weighted by each group's lr. A group that needs \
          another length wants per_group, which gives each group a d of its own.
          """),
    ]
  }
}
