// An agent in an environment of one's own: a corridor with a door at one end, now left, now right.
import Descent
import DescentNN
import DescentTraining
import Foundation

struct Corridor: Environment {
  private var place = 0
  private var door = 1
  private var steps = 0

  static let name = "corridor"
  let observationSize = 2
  let actions = 2

  /// Chance comes from the stream that is given, so that a run can be resumed to the bit.
  mutating func reset(_ random: inout RandomStream) -> [Float] {
    (place, door, steps) = (0, random.integer(below: 2) == 0 ? -1 : 1, 0)
    return [Float(place) / 5, Float(door)]
  }

  mutating func step(_ action: Int, _ random: inout RandomStream) -> EnvironmentStep {
    place += action == 1 ? 1 : -1
    steps += 1
    return EnvironmentStep(
      observation: [Float(place) / 5, Float(door)],
      reward: place == 5 * door ? 1 : -0.05,
      terminated: abs(place) == 5, truncated: steps == 40)
  }

  /// What reports follow and draw; both may be left out.
  var readings: [EnvironmentReading] { [EnvironmentReading("place", Double(place))] }
  var picture: EnvironmentPicture? {
    EnvironmentPicture(
      width: 12, height: 3,
      [
        .rectangle(.init(door < 0 ? 0 : 11, 0), width: 1, height: 3, .pale),
        .circle(.init(6 + Double(place), 1), radius: 0.8, .accent),
      ])
  }

  // What a checkpoint keeps.
  private enum CodingKeys: CodingKey { case place, door, steps }
}

var ppo = PPOModel()
(ppo.hidden, ppo.discount) = ([16], 0.95)
let task = try ReinforcementTask(
  environment: Corridor(), ppo: ppo, environments: 8, rollout: 32, episodes: 20, seed: 1)
let recipe = Recipe(OptimizerPlan(Adam(learningRate: 3e-3)), steps: 400, batch: 64)
let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
defer { try? FileManager.default.removeItem(at: folder) }
let result = try Trainer.train(recipe, task: task, in: folder.path)
print("mean return", -result.evaluation!.loss, "of 0.8")
