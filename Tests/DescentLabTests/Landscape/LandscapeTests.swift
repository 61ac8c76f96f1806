import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Landscapes") struct LandscapeTests {
  typealias Place = LandscapeFunction.Place

  static func run(
    _ function: String, _ optimizers: String, condition: Double? = nil, start: String? = nil,
    steps: Int? = nil, rate: Double? = nil, noise: Double? = nil, seed: Int = 0
  ) throws -> LandscapeResult {
    try Landscape(
      function, condition: condition, start: start, steps: steps, rate: rate, noise: noise,
      seed: seed
    ).entries(optimizers).run()
  }

  @Test(
    "paths are those of loops written by hand, with noise and without",
    arguments: [
      (0.0, "ravine"), (0.3, "ravine"), (0, "rosenbrock"), (0.01, "beale"), (0, "saddle"),
    ])
  func byHand(_ noise: Double, _ name: String) throws {
    let result = try Self.run(
      name, "sgd(lr=0.001),sgd(lr=0.001,momentum=0.9),adam(lr=0.02,betas=0.8,0.95)", steps: 60,
      noise: noise, seed: 5)
    let (landscape, f) = (result.landscape, result.landscape.function)
    var (plain, heavy, adam) = (landscape.start, landscape.start, landscape.start)
    var (b, m, v): (Place, Place, Place) = (.zero, .zero, .zero)
    func near(_ a: Place, _ b: Place) -> Bool { ((a - b) * (a - b)).sum() < 1e-20 }
    for step in 0...60 {
      #expect(near(result.runs[0].places[step], plain), "step \(step)")
      #expect(near(result.runs[1].places[step], heavy), "step \(step)")
      #expect(near(result.runs[2].places[step], adam), "step \(step)")
      #expect(result.runs[0].values[step] == f.value(result.runs[0].places[step]))
      let ξ = landscape.noise(step)
      #expect((noise > 0) == (ξ != .zero))
      plain -= 0.001 * (f.gradient(plain) + ξ)
      b = step == 0 ? f.gradient(heavy) + ξ : 0.9 * b + f.gradient(heavy) + ξ
      heavy -= 0.001 * b
      let g = f.gradient(adam) + ξ
      let t = Double(step + 1)
      m = 0.8 * m + (1 - 0.8) * g
      v = 0.95 * v + (1 - 0.95) * g * g
      let (mHat, vHat) = (m / (1 - pow(0.8, t)), v / (1 - pow(0.95, t)))
      adam -= 0.02 * mHat / (vHat.squareRoot() + 1e-8)
    }
  }

  @Test("noise has the deviation that was asked for, and is the seed's") func noise() throws {
    let (a, b) = (
      try Landscape("ravine", noise: 2, seed: 1), try Landscape("ravine", noise: 2, seed: 2)
    )
    let all = (0..<4000).map { a.noise($0) }
    let mean = all.reduce(Place.zero, +) / 4000
    let variance = all.reduce(Place.zero) { $0 + ($1 - mean) * ($1 - mean) } / 4000
    #expect(abs(mean.x) < 0.15 && abs(mean.y) < 0.15)
    #expect(abs(variance.x - 4) < 0.4 && abs(variance.y - 4) < 0.4)
    #expect(a.noise(3) == a.noise(3) && a.noise(3) != b.noise(3) && a.noise(3) != a.noise(4))
  }

  static let rules = Rules.names.filter { $0 != "kfac" }

  @Test("every optimizer descends every function", arguments: LandscapeFunction.names)
  func everyRule(_ name: String) throws {
    let result = try Self.run(name, Self.rules.joined(separator: ","), steps: 60)
    #expect(result.runs.map(\.label) == Self.rules)
    for (run, outcome) in zip(result.runs, result.outcomes) {
      #expect(run.places.count == 61 && run.values.count == 61)
      #expect(run.places[0] == result.landscape.start)
      // Over few steps some have hardly begun, but none is lost.
      #expect(outcome.diverged == nil, "\(run.label)")
      #expect(run.places[60] != run.places[0], "\(run.label)")
      if name != "rastrigin", name != "noisy-quadratic" {
        #expect(run.values.min() ?? 0 < run.values[0], "\(run.label)")
      }
    }
  }

  @Test("Newton's curvature is the function's: Sophia's Hessian is exact on a quadratic")
  func sophia() throws {
    // From the second step on u = m′/max(γ·h, ε), where h has the exact diagonal's share.
    let result = try Self.run(
      "ravine", "sophia-h(lr=0.1,betas=0,0,gamma=1,clip_threshold=1e9,weight_decay=0)",
      condition: 4, start: "3,2", steps: 3)
    let run = result.runs[0]
    // With β = 0 a step is lr·g/h: both numbers shrink by the same factor.
    let factor = (run.places[3].x / run.places[2].x, run.places[3].y / run.places[2].y)
    #expect(abs(factor.0 - 0.9) < 1e-9 && abs(factor.1 - 0.9) < 1e-9, "\(factor)")
  }

  @Test("what rules of their own kind show") func kinds() throws {
    let start: Place = [-8, 2.5]
    let result = try Self.run(
      "ravine", "lbfgs,schedule-free-sgd,adamw(weight_decay=0.5,lr=0),soap,adamw,adamw", steps: 20)
    // L-BFGS makes one iteration a step, and needs few.
    #expect(try #require(result.outcomes[0].reached) < 10)
    #expect(result.runs[0].places[1] != start && result.runs[0].places[1] != [0, 0])
    // The averaged point lies behind the one that gradients see, and begins at the start.
    #expect(result.runs[1].places[0] == start)
    // Decay acts, since there are no groups; scaled by a rate of 0 it does not.
    #expect(result.runs[2].places[20] == start)
    #expect(result.runs.map(\.label)[4...] == ["adamw", "adamw #2"])
    #expect(result.runs[4].places == result.runs[5].places)
    let decayed = try Self.run(
      "ravine", "adamw(weight_decay=0.5,lr=0.01),adam(lr=0.01)", steps: 1)
    #expect(abs(decayed.runs[0].places[1].x + 7.95) < 1e-6, "\(decayed.runs[0].places[1])")
    #expect(abs(decayed.runs[1].places[1].x + 7.99) < 1e-6)
  }

  @Test("settings in parentheses reach schedules, clipping and storage") func settings() throws {
    let result = try Self.run(
      "ravine",
      "sgd(lr=0.1,clip.norm=1),sgd(lr=0.1,schedule=linear(warmup=2,total=4)),"
        + "adam(state=bfloat16,state_minimum=1)", steps: 4)
    let first = result.runs[0].places[1] - result.runs[0].places[0]
    #expect(abs((first * first).sum().squareRoot() - 0.1) < 1e-7)
    let warm = result.runs[1].places[1] - result.runs[1].places[0]
    #expect(abs(warm.x) < 0.8)
    // State in 16 bits goes with weights in float32.
    #expect(result.runs[2].places[1].x == Double(Float(result.runs[2].places[1].x)))
  }

  @Test(
    "what diverges is said, and nothing traps",
    arguments: [
      ("ravine", "sgd(lr=10)", nil as String?), ("rosenbrock", "sgd(lr=1),adam(lr=1e300)", nil),
      ("beale", "sgd(lr=1e8,momentum=0.99)", nil), ("rosenbrock", "sgd,lbfgs,adam", "1e100,-1e100"),
      ("rastrigin", "adam(lr=1e308),lion(lr=1e308)", nil), ("local-minima", "sgd(lr=1e5)", "5,5"),
    ])
  func diverges(_ function: String, _ optimizers: String, _ start: String?) throws {
    let result = try Self.run(function, optimizers, start: start, steps: 50)
    #expect(result.runs.allSatisfy { $0.places.count == 51 })
    #expect(result.outcomes.contains { $0.diverged != nil })
    let page = try LandscapePage.about(result, isAnimated: true, command: "again")
    #expect(page.text(width: 80).contains("diverge"))
    let html = page.html()
    #expect(!html.contains("=\"nan") && !html.contains("NaN ") && !html.contains(" inf"))
    let data = Data(page.json.text.utf8)
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect((json["trajectories"] as? [String: Any])?.count == result.runs.count)
    for (_, figure) in LandscapePage.figures(result) { #expect(figure.svg().hasSuffix("</svg>\n")) }
  }

  @Test(
    "where a run ends is told by slope and curvature",
    arguments: [
      ("saddle", "sgd(lr=0.1)", "-1,0", "rests at a saddle point"),
      ("local-minima", "sgd(lr=0.01)", "2,2", "rests in another minimum"),
      ("rastrigin", "adam(lr=0.01)", "2.1,-0.9", "rests in another minimum"),
      ("rosenbrock", "sgd(lr=1e-4)", "-1,1", "not reached in 100 steps"),
      ("ravine", "sgd(lr=0.01)", "0,0", "starts there"),
      ("ravine", "sgd(lr=0.01)", "0,1", "within 0.001 of the minimum after 1 step"),
    ])
  func rests(_ function: String, _ optimizer: String, _ start: String, _ words: String) throws {
    let result = try Self.run(function, optimizer, start: start, steps: 100)
    let text = LandscapePage.terminal(result).text(width: 100)
    #expect(text.contains(words), "\(text)")
  }

  @Test(
    "bad input is one plain sentence",
    arguments: [
      (["rosenbork"], "did you mean 'rosenbrock'?"), (["ravine", "condition", "0"], "above 0"),
      (["ravine", "condition", "-3"], "above 0"), (["ravine", "condition", "nan"], "above 0"),
      (["beale", "condition", "3"], "no condition number"),
      (["ravine", "start", "1"], "two numbers"), (["ravine", "start", "1,nan"], "two numbers"),
      (["ravine", "start", "inf,0"], "two numbers"), (["ravine", "start", "a,b"], "two numbers"),
      (["ravine", "start", "1,2,3"], "two numbers"), (["ravine", "steps", "0"], "out of range"),
      (["ravine", "steps", "1000000000000"], "out of range"),
      (["ravine", "noise", "-1"], "at least 0"), (["ravine", "noise", "nan"], "at least 0"),
      (["ravine", "lr", "-1"], "at least 0"), (["ravine", "lr", "inf"], "at least 0"),
      (["ravine", "optimizers", "adm"], "did you mean 'adam'?"),
      (["ravine", "optimizers", "kfac"], "no layers"),
      (["ravine", "optimizers", "sgd(momentum=2)"], "momentum"),
      (["ravine", "optimizers", "sgd("], "cannot be read"),
      (["ravine", "optimizers", ""], "names"),
      (["ravine", "optimizers", "sgd(data.path=x)"], "section 'data'"),
      (["ravine", "optimizers", "sgd(schedule=plateau)"], "validation loss"),
      (["ravine", "optimizers", "sgd(foo=1)"], "foo"),
    ])
  func refuses(_ given: [String], _ words: String) throws {
    let value = { (name: String) in given.count > 2 && given[1] == name ? given[2] : nil }
    let error = #expect(throws: RecipeError.self) {
      _ = try Self.run(
        given[0], value("optimizers") ?? "sgd", condition: value("condition").flatMap(Double.init),
        start: value("start"), steps: value("steps").flatMap { Int($0) },
        rate: value("lr").flatMap(Double.init), noise: value("noise").flatMap(Double.init))
    }
    let sentence = error?.description ?? ""
    #expect(sentence.contains(words), "\(sentence)")
    #expect(error?.problems.count == 1)
  }

  @Test("momentum wins where the ravine is narrow, and narrower ones have more steps")
  func defaults()
    throws
  {
    let result = try Self.run("ravine", "sgd,sgd(momentum=0.9)")
    let steps = try result.outcomes.map { try #require($0.reached) }
    #expect(steps[1] < steps[0] / 2, "\(steps)")
    for (κ, steps) in [(1.0, 100), (100, 400), (1000, 4000), (1e12, 10_000)] {
      #expect(try Landscape("ravine", condition: κ).steps == steps)
    }
    for name in ["ravine", "noisy-quadratic", "saddle"] {
      let steep = try Self.run(name, "sgd", condition: 300, noise: 0)
      #expect(steep.outcomes[0].reached != nil, "\(name)")
    }
  }

  @Test("who comes near and leaves again stands below those that end lower") func left() throws {
    let result = try Self.run("rosenbrock", "muon,sgd(momentum=0.9),lbfgs")
    let muon = result.outcomes[0]
    #expect(muon.reached == nil && muon.left != nil && muon.excess > 0.01)
    #expect(result.outcomes[1].reached == nil && result.outcomes[1].excess < muon.excess)
    #expect(result.order == [2, 1, 0])
    let text = LandscapePage.terminal(result).text()
    #expect(text.contains("muon comes within 0.001 at step") && text.contains("but leaves again"))
    // Reached is from when on a run stays, not when it first passes.
    let swing = try Self.run("ravine", "sgd(momentum=0.9)")
    let reached = try #require(swing.outcomes[0].reached)
    #expect(swing.runs[0].values[reached...].allSatisfy { $0 <= LandscapeResult.tolerance })
    #expect(swing.runs[0].values[reached - 1] > LandscapeResult.tolerance)
    #expect(swing.runs[0].values[..<reached].contains { $0 <= LandscapeResult.tolerance })
  }

  @Test("with noise averages decide, whatever the seed, and ties are said") func averages() throws {
    for seed in 0..<6 {
      let result = try Self.run(
        "noisy-quadratic", "sgd(momentum=0.9),sgd,sgd(lr=0.0501),sgd(lr=10)", seed: seed)
      #expect(result.outcomes.allSatisfy { $0.reached == nil && $0.left == nil })
      #expect(result.order.last == 3 && result.order[2] == 0, "seed \(seed)")
      #expect(!result.isTie(0, 1))
      let mean = try #require(result.mean(1))
      // A constant rate on a quadratic: η²/2·(1/(1 − (1−η)²) + κ/(1 − (1−ηκ)²)).
      #expect(abs(mean - 0.0295) < 0.012, "seed \(seed): \(mean)")
      let text = LandscapePage.terminal(result).text()
      #expect(text.contains("ends lowest in the noise"))
      #expect(!text.contains("reached"), "\(text)")
    }
    let twins = try Self.run("noisy-quadratic", "sgd,sgd(lr=0.05)")
    #expect(twins.isTie(0, 1))
    #expect(LandscapePage.terminal(twins).text().contains("cannot be told from"))
  }

  @Test("other starts keep off the axes, and each has its own results") func starts() throws {
    for name in LandscapeFunction.names {
      let f = try #require(LandscapeFunction.named(name))
      for place in LandscapeResult.grid((16, 12), f) + LandscapeResult.grid((2, 2), f) {
        #expect(f.domain.x.contains(place.x) && f.domain.y.contains(place.y))
        #expect(place.x != 0 && place.y != 0)
      }
    }
    let result = try Self.run("ravine", "sgd,adam(lr=0.1)", steps: 80)
    let motion = try result.motion([], heads: []) { "\($0.excess)" }
    #expect(motion.starts.isEmpty)
    let charts = result.runs.map { run in
      ContourChart(
        title: run.label, surface: .init(x: -10...10, y: -4...4) { $0 * $0 + $1 * $1 },
        paths: [.init(run.label, [])])
    }
    let full = try result.motion(charts, heads: ["a", "b"]) { "\($0.excess)" }
    #expect(full.starts.count == 193 && full.notes.count == 193 && full.bytes < 300_000)
    for index in [0, 1, 77, 192] {
      let start = full.starts[index]
      let own = try Self.run(
        "ravine", "sgd,adam(lr=0.1)", start: "\(start.x),\(start.y)", steps: 80)
      #expect(full.notes[index] == own.outcomes.map { "\($0.excess)" })
    }
    let many = try Self.run("rosenbrock", Self.rules.joined(separator: ","))
    let page = try LandscapePage.about(many, isAnimated: true, command: "c").htmlFragment()
    #expect(page.utf8.count < 460_000)
    let starts = try #require(page.firstMatch(of: /data-starts="([^"]*)"/)).output.1
    #expect(starts.split(separator: ";").count > 24)
    // Crosses alone have the colour of the text, and no legend is cut.
    #expect(!page.contains("stroke=\"#000000\"") && !page.contains("and 6 more"))
    #expect(
      page.contains("1 to 6 of the table") && page.contains("to \(many.runs.count) of the table"))
  }

  @Test("--lr reaches those that do not find their own") func rates() throws {
    let result = try Self.run("ravine", "sgd,adam(lr=0.5),prodigy,lbfgs", steps: 2, rate: 0.01)
    #expect(result.runs.map(\.rate) == [0.01, 0.5, 1, 1])
    let text = LandscapePage.terminal(result).text()
    #expect(text.contains("prodigy and lbfgs: finds its own rate") || text.contains("find"))
  }
}
