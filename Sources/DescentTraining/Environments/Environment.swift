public import DescentCompute

/// A world in which an agent acts step by step, such as ``CartPole``.
///
/// It is a value, and all that it remembers is `Codable`: that is how a checkpoint keeps it, so that a run
/// that is resumed has the bits of one that never stopped. Chance comes from the stream of random
/// numbers that each call is given, and from nowhere else.
public protocol Environment: Codable, Sendable {
  /// What it is called in recipes, errors and reports.
  static var name: String { get }
  /// How many numbers an observation has, at least 1.
  var observationSize: Int { get }
  /// How many actions there are, at least 1: they are numbered from 0.
  var actions: Int { get }
  /// Begins an episode.
  ///
  /// - Returns: the first observation.
  mutating func reset(_ random: inout RandomStream) throws(EnvironmentError.Fault) -> [Float]
  /// Takes an action and goes on by one step.
  ///
  /// - Parameter action: which, in 0 ..< ``actions``.
  /// - Throws: ``EnvironmentError/Fault/action(_:of:)`` for another one.
  mutating func step(
    _ action: Int, _ random: inout RandomStream
  ) throws(EnvironmentError.Fault) -> EnvironmentStep
  /// The present state for a person to look at; nil where there is nothing to draw.
  var picture: EnvironmentPicture? { get }
  /// Numbers of the present state that a person would follow, under the same names in each state.
  var readings: [EnvironmentReading] { get }
}

extension Environment {
  /// None.
  public var picture: EnvironmentPicture? { nil }
  /// None.
  public var readings: [EnvironmentReading] { [] }
}

/// What came of an action.
public struct EnvironmentStep: Sendable, Equatable {
  /// What is seen now; in an episode that has ended, its last state.
  public var observation: [Float]
  /// What the action was worth.
  public var reward: Double
  /// Whether the episode has ended by itself, so that nothing is to be gained any more.
  public var terminated: Bool
  /// Whether the episode was cut off, where it might have gone on: by a limit of steps.
  public var truncated: Bool

  /// What came of an action.
  public init(
    observation: [Float], reward: Double, terminated: Bool = false, truncated: Bool = false
  ) {
    (self.observation, self.reward) = (observation, reward)
    (self.terminated, self.truncated) = (terminated, truncated)
  }

  /// Whether the episode is over.
  public var isLast: Bool { terminated || truncated }
}

/// A number of a state that a person would follow: an angle, a speed.
public struct EnvironmentReading: Sendable, Equatable {
  /// What it is, with its unit: `pole angle (°)`.
  public var name: String
  /// Its present value.
  public var value: Double

  /// A number of a state.
  public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
}

/// What an environment did that no training can go on with.
public struct EnvironmentError: Error, Equatable, Sendable {
  /// The environment's name.
  public let environment: String
  /// The step of the episode, from 1; 0 is its beginning.
  public let step: Int
  /// What went wrong.
  public let fault: Fault

  /// What can go wrong.
  public enum Fault: Error, Equatable, Sendable {
    /// A number of an observation is not finite; they count from 0.
    case observation(Float, number: Int)
    /// An observation has another size than the environment says.
    case observationSize(Int, expected: Int)
    /// A reward is not finite.
    case reward(Double)
    /// There is no action of this number.
    case action(Int, of: Int)
    /// Anything else, as a phrase: `the simulator has closed the connection`.
    case other(String)
  }

  /// A fault at a step of an episode.
  public init(environment: String, step: Int, fault: Fault) {
    (self.environment, self.step, self.fault) = (environment, step, fault)
  }
}

extension EnvironmentError: CustomStringConvertible {
  /// One plain sentence.
  public var description: String {
    let place = step == 0 ? "at the beginning of an episode" : "at step \(step) of an episode"
    return "the environment \(environment), \(place): \(fault)".onOneLine
  }
}

extension EnvironmentError.Fault: CustomStringConvertible {
  /// What went wrong, and what to do.
  public var description: String {
    switch self {
    case .observation(let value, let number):
      "number \(number) of the observation is \(inWords(Double(value))); observations must be finite"
    case .observationSize(let count, let expected):
      "an observation of \(Amount.count(count, "number")), where observationSize says \(expected)"
    case .reward(let value): "the reward is \(inWords(value)); rewards must be finite"
    case .action(let action, let count):
      "there is no action \(action); \(count == 1 ? "the only one is 0" : "they are 0 to \(count - 1)")"
    case .other(let reason): reason
    }
  }
}
