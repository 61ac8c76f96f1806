import Descent

/// The exercises and mistakes of the page.
extension ProdigyTopic {
  static func whyItOnlyRises() throws -> Explanation.Exercise {
    let walk = try run(distance: 1)
    return .init(
      "d only rises and never falls. Is it looking for the largest safe learning rate?",
      [
        .paragraph(
          """
          No, nothing in the formula tries out whether a rate is safe. d is the largest estimate \
          of a distance that was found. Without noise it is a lower bound, and a bound that was \
          true stays true; with noise it may be too large and is not taken back either. In the \
          example above the present estimate ends at \(short(estimates(walk).last ?? 0)) while d \
          stays at \(short(last(walk))). That is why the rate needs a schedule: lr, as a factor, \
          has to do the falling.
          """)
      ])
  }

  static func whySettingsMatter() throws -> Explanation.Exercise {
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
          Because the weights have a different distance to go. An adapter (topic lora) adds \
          (α/r)·B·A to a matrix that stays as it is: it trains two small matrices B and A, whose \
          shorter side is the rank r, and alpha is a factor. With a smaller scale α/r it must \
          move its own weights farther to change the model as much, so d ends higher; a larger \
          scale, lower. Rank, initialization and the choice of layers change how far single \
          weights have to go, too, and how much noise there is. The topic lora shows it on an \
          adapter; here is the smallest example:
          """),
        .table(table),
      ])
  }

  static func whatStoppingMeans() throws -> Explanation.Exercise {
    let runs = try noisy(10)
    return .init(
      "d stops rising. Has Prodigy found the right learning rate?",
      [
        .paragraph(
          """
          It has found no longer distance; whether that makes a good rate is another question. \
          With noise of 10 (above) d ended between \(short(runs.least)) and \
          \(short(runs.largest)) in runs of the same problem, whose distance is 1. A longer \
          distance that is found later can still raise it. Where d has stopped early while the \
          loss still falls slowly, multiply it with d_coef.
          """)
      ])
  }

  static func whatASmallValueMeans() throws -> Explanation.Exercise {
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
          that the weights had only a short distance to go, or that d stopped early. A small \
          scale of the adapter makes gradients small and the way long at the same time: d follows \
          the way. (Only gradients that are as small as ε matter, and those hold d back rather \
          than raise it.)
          """)
      ])
  }

  // MARK: Mistakes

  static func mistakes() throws -> [Explanation.Mistake] {
    let rate = try run(distance: 0.01)
    return [
      .init(
        "Often written: one letter s for both the second moment and the sum of gradients.",
        but: """
          They are two different arrays. The root is taken of v, the average of d²·g²; the sum of \
          magnitudes ‖s‖₁ of s, the sum of d²/d₀·γ·g with its sign. r, beside them, is a single \
          number.
          """),
      .init(
        "Often logged: a learning rate of 1 for the whole run.",
        but: """
          That is lr, the factor. What Adam's lr would be is d·lr: \(short(last(rate))) at the \
          end of the run whose minimum is 0.01 away. Descent logs d·lr as lr, and d beside it.
          """),
      .init(
        "Often said: Prodigy raises d because small gradients look safe.",
        but: """
          d does not see the size of gradients, and it does not test what is safe. It compares \
          how far the weights went downhill with the sum of the gradients.
          """),
      .init(
        "Often said: with Prodigy no schedule is needed.",
        but: """
          It replaces the search for the peak of the rate, not the decline that follows. d never \
          falls; without a schedule the last steps are as long as those in the middle.
          """),
      .init(
        "Often done: a separate learning rate for each group.",
        but: """
          One d serves all groups, and r and s are weighted by each group's lr. A group that \
          needs another length wants per_group, which gives each group a d of its own.
          """),
    ]
  }
}
