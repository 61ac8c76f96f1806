import Descent
import DescentCompute
import DescentTraining

enum KFACTopic: Topic {
  static let name = "k-fac"
  static let title = "K-FAC"
  static let summary =
    "How the curvature of a layer comes apart into two small matrices, and what damping is for."
  static let aliases = ["kronecker", "natural-gradient", "fisher"]
  static let rules: [any Rule.Type] = [KFAC.self]

  static func explanation() throws -> Explanation {
    let (inputs, outputs) = (65, 32)
    let (full, own) = (inputs * outputs, inputs * inputs + outputs * outputs)
    return Explanation(
      question:
        "How can one divide by the curvature of a layer when its matrix has a billion entries?",
      answer: """
        A layer's gradient is a product: what came in, times what came back. If the two vary \
        independently, the curvature of all weights of the layer is the product of two small \
        matrices as well: A of its inputs and G of the gradients at its outputs. For \(inputs) \
        inputs and \(outputs) outputs that is \(grouped(own)) numbers instead of \
        \(grouped(full * full)). Dividing by it makes training indifferent to how inputs are \
        scaled and correlated.
        """,
      formula: """
        A ← ρ·A + (1−ρ)·aᵀa/N;    G ← ρ·G + (1−ρ)·gᵀg/N
        inverse:  V = (G + γ·I)⁻¹·∇W·(A + γ·I)⁻¹
        ν = min(1, √(κ/|Σ η²·V⊙∇W|))
        b ← μ·b + ν·V + λ·w;  w ← w − η·b
        """,
      letters: """
        a: the layer's inputs, one row for each of N examples, with a 1 for the bias; g: the \
        loss's gradients at its outputs; ∇W: the gradient of the weights, gᵀa; V: the gradient \
        divided by the curvature; ρ: factor_decay; γ: the damping; κ: kl_clip, which limits how \
        far predictions move in a step; μ: momentum. The default form, eigen, adds γ to the \
        products of eigenvalues instead.
        """,
      demonstrations: [try kronecker(), sizes, try realRun(), try damping()],
      mistakes: mistakes,
      advice: """
        For networks of linear layers and convolutions. Begin with lr 0.03 and damping 0.03; \
        small batches want more damping. inv_update_steps of 10 to 100, since a decomposition \
        costs the cube of a layer's width. Other layers, embeddings and norms are trained by SGD \
        with momentum.
        """,
      recipe: """
        optimizer:
          name: kfac
          lr: 0.03
          momentum: 0.9
          damping: 0.03
          inv_update_steps: 10
        """,
      reference: """
        Martens, Grosse: Optimizing Neural Networks with Kronecker-factored Approximate \
        Curvature, 2015, arXiv:1503.05671. Grosse, Martens: A Kronecker-factored Approximate \
        Fisher Matrix for Convolution Layers, 2016, arXiv:1602.01407.
        """)
  }

  /// The product of two small matrices against the matrix over all weights.
  private static func kronecker() throws -> Section {
    let (n, inputs, outputs) = (4000, 3, 2)
    var random = RandomStream(seed: 14)
    func normal() -> Double { Double(random.normal()) }
    func compare(dependent: Bool) -> (error: Double, count: Int) {
      var A = Matrix(inputs, inputs)
      var G = Matrix(outputs, outputs)
      let size = inputs * outputs
      var F = Matrix(size, size)
      for _ in 0..<n {
        let first = normal()
        let a = [first, 0.8 * first + 0.6 * normal(), 1]
        let scale = dependent ? abs(first) : 1
        let h = normal()
        let g = [scale * h, scale * (0.5 * h + normal())]
        for i in 0..<inputs { for j in 0..<inputs { A[i, j] += a[i] * a[j] / Double(n) } }
        for i in 0..<outputs { for j in 0..<outputs { G[i, j] += g[i] * g[j] / Double(n) } }
        let w = (0..<size).map { g[$0 / inputs] * a[$0 % inputs] }
        for i in 0..<size { for j in 0..<size { F[i, j] += w[i] * w[j] / Double(n) } }
      }
      var (wrong, all) = (0.0, 0.0)
      for i in 0..<size {
        for j in 0..<size {
          let product = G[i / inputs, j / inputs] * A[i % inputs, j % inputs]
          wrong += (product - F[i, j]) * (product - F[i, j])
          all += F[i, j] * F[i, j]
        }
      }
      return ((wrong / all).squareRoot(), size * size)
    }
    let (independent, dependent) = (compare(dependent: false), compare(dependent: true))
    return Section(
      "Two small matrices for a large one",
      [
        .paragraph(
          """
          A layer of \(inputs) inputs (the last is the bias's 1) and \(outputs) outputs, \
          \(grouped(n)) examples. The curvature over its 6 weights is the average of products of \
          gradients, \(independent.count) numbers; K-FAC has 9 + 4 and multiplies them.
          """),
        .facts([
          Fact(
            "error, inputs and gradients independent: chance alone", .number(independent.error),
            key: "error_independent", style: .percent(0)),
          Fact(
            "error, larger gradients for larger inputs", .number(dependent.error),
            key: "error_dependent", style: .percent(0)),
        ]),
      ])
  }

  private static var sizes: Section {
    var table = Table(
      [
        .init("layer"), .number("weights"), .number("full", "full curvature"),
        .number("factors", "A and G, decomposed"), .number("adam", "Adam's m and v"),
      ], key: "sizes",
      caption: "A, G and their eigenvectors are kept in float64, the rest counts as float32")
    for (inputs, outputs) in [(65, 32), (785, 128), (4097, 4096)] {
      let count = inputs * outputs
      table.append(
        .text("\(grouped(inputs - 1)) → \(grouped(outputs))"), .count(count),
        .bytes(4 * count * count),
        .bytes(KFAC().outsideBytes(for: [.init("w", shape: [outputs, inputs])])),
        .bytes(8 * count))
    }
    return Section("How much is kept", [.table(table)])
  }

  private static func run(_ changes: [String], steps: Int) throws -> SmallRun {
    try SmallRun(changes, steps: steps)
  }

  private static func kfac(_ damping: Double) -> [String] {
    [
      "optimizer.name=kfac", "optimizer.lr=0.03", "optimizer.damping=\(damping)",
      "optimizer.inv_update_steps=10", "batch=128",
    ]
  }

  private static func realRun() throws -> Section {
    let steps = 60
    let runs = [
      (
        "sgd, momentum 0.9, lr 0.05",
        try run(
          ["optimizer.name=sgd", "optimizer.lr=0.05", "optimizer.momentum=0.9", "batch=128"],
          steps: steps)
      ),
      ("kfac, lr 0.03, damping 0.03", try run(kfac(0.03), steps: steps)),
    ]
    var table = Table(
      [.init("optimizer"), .number("half", "loss, step 30"), .number("last", "loss, last 10")],
      key: "real_run")
    for (name, run) in runs {
      table.append(
        .text(name), .number(run.smoothLosses(over: 5)[29]),
        .number(run.losses.suffix(10).mean))
    }
    return Section(
      "In a real run",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "training loss of a small network on digits", x: Axis("step"),
                y: Axis("loss", .logarithmic),
                series: runs.map { Series($0.0, points($0.1.smoothLosses(over: 5), from: 1)) })
            ],
            caption:
              """
              Same weights, same batches of 128; from step 11 on means over 5 steps. Steps of \
              K-FAC take longer: count seconds, too.
              """
          )
        ]),
        .table(table),
      ])
  }

  private static func damping() throws -> Section {
    var table = Table(
      [
        .number("damping", "damping γ"), .number("last", "loss, last 10 of 40"),
        .number("move", "size of step 40"),
      ], key: "damping")
    for γ in [0.001, 0.03, 1, 30] {
      let run = try run(kfac(γ), steps: 40)
      table.append(
        .number(γ), .number(run.losses.suffix(10).mean),
        .number(run.moves.last ?? 0))
    }
    return Section(
      "Damping",
      [
        .paragraph(
          """
          In directions in which a batch shows no curvature the inverse would be enormous. γ is \
          the curvature that every direction has at least. A very large γ leaves the gradient's \
          own direction, divided by γ: slow gradient descent.
          """),
        .table(table),
      ])
  }

  private static var mistakes: [Explanation.Mistake] {
    [
      .init(
        "Often assumed: the two forms of damping are the same.",
        but: """
          eigen adds γ to the products of A's and G's eigenvalues, inverse adds γ to A and to G. \
          With eigenvalues 0.1 and 0.001 and γ = 0.03 the divisors are \
          \(short(0.1 * 0.001 + 0.03)) and \(short((0.1 + 0.03) * (0.001 + 0.03))). A value tuned \
          for one does not fit the other.
          """),
      .init(
        "Often said: it computes the Hessian.",
        but: """
          It estimates the Fisher matrix, the average of g·gᵀ for labels that the model itself \
          would draw, from what flows through a layer anyway. No second derivative is taken. \
          Descent, like most, takes the labels of the data instead, which gives the empirical \
          Fisher: where the model has learned its data those gradients, and with them A and G, \
          become too small (the topic sophia shows by how much), and damping and kl_clip have to \
          hold the steps back.
          """),
      .init(
        "Often overlooked: a mean over N makes G small.",
        but: """
          The gradients at the outputs are those of the mean loss, so each holds a factor 1/N, \
          and G one of 1/N². A larger batch then means stronger damping, relative to G, at the \
          same γ.
          """),
      .init(
        "Often compared: by steps.",
        but: """
          A decomposition costs about n³ for a layer n wide. Take them every inv_update_steps \
          steps, and compare runs by seconds.
          """),
    ]
  }
}
