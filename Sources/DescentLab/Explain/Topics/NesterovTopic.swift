import Descent
import Foundation

enum NesterovTopic: Topic {
  static let name = "nesterov"
  static let title = "Nesterov momentum"
  static let summary = "What looking ahead changes, and why two different formulas are the same."
  static let aliases = ["nag", "look-ahead", "nesterov-momentum"]

  static func explanation() throws -> Explanation {
    let (η, μ) = (0.01, 0.9)
    let ravine = Bowl(curvatures: [1, 90])
    let start = [10.0, 1.0]
    func walk(_ rate: Double, nesterov: Bool, steps: Int = 400) throws -> Walk {
      try Walk(
        SGD(learningRate: rate, momentum: μ, nesterov: nesterov), from: start, steps: steps,
        ravine.gradient)
    }
    let (ball, nesterov) = (try walk(η, nesterov: false), try walk(η, nesterov: true))
    func overshoot(_ walk: Walk) -> Double { -(walk.coordinate(0).min() ?? 0) }
    func largest(_ walk: Walk) -> Double { walk.coordinate(1).dropFirst(10).map(abs).max() ?? 0 }
    var table = Table(
      [
        .init("quantity", ""), .number("heavy_ball", "heavy-ball"), .number("nesterov", "nesterov"),
      ], key: "comparison", caption: "η = \(short(η)), μ = \(short(μ))")
    table.append(
      "how far x overshoots 0", .number(overshoot(ball)), .number(overshoot(nesterov)))
    table.append(
      "largest |y| from step 10 on", .number(largest(ball)), .number(largest(nesterov)))
    table.append(
      [.text("steps to 1e-06 of the first loss")]
        + [ball, nesterov].map { walk in
          ravine.steps(of: walk, below: 1e-6).map(Table.Cell.ordinal) ?? .nothing
        })
    return Explanation(
      question: "What is gained by looking ahead, and is PyTorch's formula the one in the papers?",
      answer: """
        Momentum will carry the weights on by μ·v whatever the gradient says, so Nesterov takes \
        the gradient there. It brakes before the wall, not after it: swings across a valley die \
        out much sooner. PyTorch's formula visits the same points; it stores the point ahead \
        instead of the point behind.
        """,
      formula: """
        nesterov:    b ← μ·b + g;                          w ← w − η·(g + μ·b)
        look-ahead:  v ← μ·v − η·g, g at w + μ·v;          w ← w + v
        """,
      letters: """
        w: the weights; g: the gradient, at w unless it says otherwise; η: the learning rate; μ: \
        the momentum; b: the sum of gradients; v: the velocity, a step that already has η and its \
        sign in it. Both start at 0.
        """,
      demonstrations: [
        Section(
          "What happens in a ravine",
          [
            .paragraph(
              "f(x, y) = ½(x² + 90·y²), from x = 10, y = 1; both at η = \(short(η)), μ = 0.9."),
            .figures([
              Figure(
                [
                  LineChart(
                    title: "across the ravine", x: Axis("step"), y: Axis("y"),
                    series: [("heavy-ball", ball), ("nesterov", nesterov)].map { name, walk in
                      Series(name, points(Array(walk.coordinate(1).prefix(41))))
                    })
                ], caption: "Both swing from wall to wall; with the look ahead it is over sooner."),
              Figure(
                [
                  LineChart(
                    title: "along the ravine", x: Axis("step"), y: Axis("x"),
                    series: [("heavy-ball", ball), ("nesterov", nesterov)].map { name, walk in
                      Series(name, points(Array(walk.coordinate(0).prefix(81))))
                    })
                ], caption: "Both roll past the minimum at 0; the look ahead brakes before."),
            ]),
            .table(table),
          ]),
        try twoForms(η, μ, ravine, from: start),
      ],
      mistakes: try mistakes(η, μ, ravine, from: start),
      advice: """
        Set nesterov beside momentum 0.9; the learning rate of heavy-ball is a good first try, \
        and dampening must stay 0. momentum_form: look-ahead is there to compare with texts: it \
        evaluates and keeps w, the point behind.
        """,
      recipe: """
        optimizer:
          name: sgd
          lr: 0.05
          momentum: 0.9
          nesterov: true
        """,
      reference: """
        Nesterov: A method for solving the convex programming problem with convergence rate \
        O(1/k²), 1983. Sutskever, Martens, Dahl, Hinton: On the importance of initialization and \
        momentum in deep learning, 2013.
        """)
  }

  /// How far the two formulas are apart.
  private static func twoForms(
    _ η: Double, _ μ: Double, _ ravine: Bowl, from start: [Double]
  ) throws -> Section {
    func pair(_ schedule: (any Schedule)?) throws -> (torch: Walk, ahead: Walk) {
      func walk(_ rule: SGD) throws -> Walk {
        try Walk(
          OptimizerPlan(rule, schedules: schedule.map { [("lr", $0)] } ?? []), from: start,
          steps: 60, ravine.gradient)
      }
      return (
        try walk(SGD(learningRate: η, momentum: μ, nesterov: true)),
        try walk(SGD(learningRate: η, momentum: μ, momentumForm: .lookAhead))
      )
    }
    let fixed = try pair(nil)
    let falling = try pair(Cosine(total: 60))
    let behind =
      zip(fixed.torch.weights.joined(), fixed.ahead.evaluated.joined())
      .map { abs($0 - $1) }.max() ?? 0
    return Section(
      "Two formulas, one path",
      [
        .paragraph(
          """
          The first step of PyTorch's form is (1+μ) = \(short(1 + μ)) times η·g long, since it \
          includes the look ahead; w of the other form moves by η·g. But the points where \
          gradients are taken are the same.
          """),
        .facts([
          Fact(
            "PyTorch's weights from w + μ·v",
            .number(
              fixed.torch.distance(to: fixed.ahead).withoutRounding(beside: start[0])),
            key: "distance_ahead", unit: "apart at most, over 60 steps", style: .significant(2)),
          Fact(
            "PyTorch's weights from w itself", .number(behind), key: "distance_behind",
            unit: "apart at most: it lags by μ·v"),
          Fact(
            "the same, where η falls along a cosine",
            .number(falling.torch.distance(to: falling.ahead)), key: "distance_scheduled",
            unit: "from w + μ·v: v has the older, larger η in it"),
        ]),
      ])
  }

  private static func mistakes(
    _ η: Double, _ μ: Double, _ ravine: Bowl, from start: [Double]
  ) throws -> [Explanation.Mistake] {
    let steep = ravine.curvatures[1]
    let (ballLimit, limit) = (2 * (1 + μ) / steep, 2 * (1 + μ) / ((1 + 2 * μ) * steep))
    let rate = (ballLimit + limit) / 2
    func last(nesterov: Bool) throws -> Double {
      let walk = try Walk(
        SGD(learningRate: rate, momentum: μ, nesterov: nesterov), from: start, steps: 50,
        ravine.gradient)
      return walk.coordinate(1).suffix(8).map(abs).max() ?? 0
    }
    return [
      .init(
        "Often written: at least Nesterov cannot be thrown off, since it looks before it moves.",
        but: """
          It brakes harder, but it tolerates only a smaller rate: in this ravine it diverges \
          above η = 2(1+μ)/((1+2μ)·90) = \(short(limit)), heavy-ball above \(short(ballLimit)). \
          At η = \(short(rate)), |y| reaches \(short(try last(nesterov: true))) in steps 43 to 50 \
          with Nesterov and \(short(try last(nesterov: false))) without.
          """),
      .init(
        """
        Often written: the gradient is taken at w + β·m, where m is momentum's average of gradients.
        """,
        but: """
          The point ahead is w + μ·v, where v is a step: it has the learning rate in it and \
          points downhill. An average of gradients points uphill and has another length. And the \
          formula is not complete without w ← w + v.
          """),
      .init(
        "Often said: PyTorch's nesterov is an approximation, since it never evaluates ahead.",
        but: """
          The weights that PyTorch stores are the points ahead. What differs is which weights are \
          evaluated and kept, by μ·v, which goes to 0 as the learning rate does.
          """),
    ]
  }
}
