import DescentCompute
import DescentTraining
import Foundation
import Safetensors
import Testing

/// What `References/reinforcement.py` writes.
enum ReinforcementVectors {
  static let file = try! SafetensorsFile(
    path: Bundle.module.resourceURL!
      .appendingPathComponent("Vectors/reinforcement.safetensors").path)

  static func numbers(_ name: String) throws -> [Double] { try file.doubles(of: name) }
  static func floats(_ name: String) throws -> [Float] { try numbers(name).map { Float($0) } }
}

@Suite("Environments") struct EnvironmentTests {
  private var random = RandomStream(seed: 1)

  @Test("CartPole moves as Gymnasium's does", arguments: 0..<4)
  func cartPole(_ episode: Int) throws {
    func numbers(_ key: String) throws -> [Double] {
      try ReinforcementVectors.numbers("cartpole/\(episode)/\(key)")
    }
    let start = try numbers("start")
    var world = CartPole(state: (start[0], start[1], start[2], start[3]))
    let (actions, states) = (try numbers("actions"), try numbers("states"))
    let (ends, seen) = (try numbers("terminated"), try numbers("observations"))
    var random = random
    for (t, action) in actions.enumerated() {
      let step = try world.step(Int(action), &random)
      let (x, speed, angle, turning) = world.state
      for (i, found) in [x, speed, angle, turning].enumerated() {
        #expect(abs(found - states[4 * t + i]) <= 1e-12 * max(1, abs(found)), "step \(t), \(i)")
        #expect(abs(step.observation[i] - Float(seen[4 * t + i])) <= 1e-6)
      }
      #expect(step.reward == 1 && step.terminated == (ends[t] == 1))
      #expect(step.truncated == (t == 499))
    }
    #expect(ends.last == 1 || actions.count == CartPole.limit)
  }

  @Test("an episode begins near the middle, each time elsewhere") func reset() throws {
    var (world, random) = (CartPole(), random)
    let starts = (0..<2000).map { _ in world.reset(&random) }
    for i in 0..<4 {
      let values = starts.map { Double($0[i]) }
      #expect(values.allSatisfy { abs($0) <= 0.05 })
      #expect(abs(values.reduce(0, +) / 2000) < 0.003)
      let spread = values.reduce(0) { $0 + $1 * $1 } / 2000
      #expect(abs(spread - 0.01 / 12) < 0.00005)
    }
    #expect(Set(starts.map { $0[0].bitPattern }).count > 1900)
  }

  @Test("the limit counts anew in each episode") func limit() throws {
    var (world, random) = (CartPole(), random)
    for _ in 0..<2 {
      _ = world.reset(&random)
      var steps = 0
      while true {
        steps += 1
        let (_, _, angle, turning) = world.state
        let step = try world.step(angle + 0.5 * turning > 0 ? 1 : 0, &random)
        if step.isLast {
          #expect(step.truncated && !step.terminated && steps == 500)
          break
        }
      }
    }
  }

  @Test("an action that there is none of is refused", arguments: [-1, 2, 7])
  func action(_ action: Int) throws {
    var (world, random) = (CartPole(), random)
    _ = world.reset(&random)
    #expect(throws: EnvironmentError.Fault.action(action, of: 2)) {
      try world.step(action, &random)
    }
  }

  @Test("it is kept to the bit") func coded() throws {
    var (world, random) = (CartPole(), random)
    _ = world.reset(&random)
    for _ in 0..<7 { _ = try world.step(1, &random) }
    let copy = try JSONDecoder().decode(CartPole.self, from: JSONEncoder().encode(world))
    #expect(copy.state == world.state)
    var (a, b, c) = (world, copy, random)
    #expect(try a.step(0, &c) == b.step(0, &c))
  }

  @Test("it is drawn inside its frame, and read in degrees") func drawn() throws {
    let world = CartPole(state: (2.4, 0, 0.2, 0))
    let picture = try #require(world.picture)
    for case .rectangle(let corner, let width, let height, _) in picture.shapes {
      #expect(corner.x >= 0 && corner.x + width <= picture.width + 1e-9)
      #expect(corner.y >= 0 && corner.y + height <= picture.height)
    }
    #expect(picture.shapes.count == 4)
    #expect(world.readings.map(\.value) == [2.4, 0.2 * 180 / .pi])
  }

  @Test(
    "what is wrong is said in a sentence",
    arguments: [
      (
        EnvironmentError.Fault.observation(.nan, number: 2), 3,
        "the environment maze, at step 3 of an episode: number 2 of the observation is nan; "
          + "observations must be finite"
      ),
      (
        .reward(-.infinity), 1,
        "the environment maze, at step 1 of an episode: the reward is -inf; rewards must be finite"
      ),
      (
        .observationSize(1, expected: 4), 0,
        "the environment maze, at the beginning of an episode: an observation of 1 number, where "
          + "observationSize says 4"
      ),
      (
        .action(5, of: 3), 2,
        "the environment maze, at step 2 of an episode: there is no action 5; they are 0 to 2"
      ),
      (.other("it is\nlost"), 9, "the environment maze, at step 9 of an episode: it is\\nlost"),
    ])
  func sentences(_ fault: EnvironmentError.Fault, _ step: Int, _ text: String) {
    let error = EnvironmentError(environment: "maze", step: step, fault: fault)
    #expect(error.description == text)
  }
}
