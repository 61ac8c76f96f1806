public import DescentCompute
import Foundation

/// A cart that is pushed left (action 0) or right (action 1) to keep the pole on it upright: CartPole-v1
/// of Gymnasium, in float64.
///
/// ```
/// a = (F + m·l·θ′²·sin θ) / M                          F = ±10 N, M = 1 kg + m
/// θ″ = (g·sin θ − a·cos θ) / (l·(4/3 − m·cos²θ / M))      m = 0.1 kg, l = 0.5 m, half the pole
/// x″ = a − m·l·θ″·cos θ / M
/// ```
/// by Euler's method with 0.02 s. Observations are x, x′, θ, θ′, which begin uniform in ±0.05. Each step
/// is worth 1. An episode ends where |x| > 2.4 m or |θ| > 12°, and is cut off after 500 steps; a policy
/// counts as good from a mean return of 475 on.
///
/// Barto, Sutton, Anderson: Neuronlike adaptive elements that can solve difficult learning control
/// problems (1983).
public struct CartPole: Environment {
  /// The steps after which an episode is cut off.
  public static let limit = 500
  private static let edge = 2.4
  private static let largestAngle = 12 * 2 * Double.pi / 360

  private var x = 0.0
  private var speed = 0.0
  private var angle = 0.0
  private var turning = 0.0
  private var steps = 0

  /// A cart that stands still in the middle, its pole upright.
  public init() {}

  /// A cart in any state.
  ///
  /// - Parameter state: x in metres, x′, θ in radians, θ′.
  public init(state: (Double, Double, Double, Double)) {
    (x, speed, angle, turning) = state
  }

  /// x in metres, x′, θ in radians, θ′.
  public var state: (Double, Double, Double, Double) { (x, speed, angle, turning) }

  public static let name = "cartpole"
  public var observationSize: Int { 4 }
  public var actions: Int { 2 }

  private var observation: [Float] { [Float(x), Float(speed), Float(angle), Float(turning)] }

  public mutating func reset(_ random: inout RandomStream) -> [Float] {
    func draw() -> Double { 0.1 * Double(random.next() >> 11) * 0x1p-53 - 0.05 }
    (x, speed, angle, turning, steps) = (draw(), draw(), draw(), draw(), 0)
    return observation
  }

  public mutating func step(
    _ action: Int, _ random: inout RandomStream
  ) throws(EnvironmentError.Fault) -> EnvironmentStep {
    guard action == 0 || action == 1 else { throw .action(action, of: actions) }
    let (gravity, pole, length, tau) = (9.8, 0.1, 0.5, 0.02)
    let (mass, moment) = (1 + pole, pole * length)
    let force = action == 1 ? 10.0 : -10
    let (sine, cosine) = (sin(angle), cos(angle))
    let push = (force + moment * (turning * turning) * sine) / mass
    let angular =
      (gravity * sine - cosine * push) / (length * (4.0 / 3 - pole * (cosine * cosine) / mass))
    let acceleration = push - moment * angular * cosine / mass
    x += tau * speed
    speed += tau * acceleration
    angle += tau * turning
    turning += tau * angular
    steps += 1
    let isOut = abs(x) > Self.edge || abs(angle) > Self.largestAngle
    return EnvironmentStep(
      observation: observation, reward: 1, terminated: isOut, truncated: steps >= Self.limit)
  }

  /// Where the cart is, and how far the pole leans.
  public var readings: [EnvironmentReading] {
    [.init("cart position (m)", x), .init("pole angle (°)", angle * 180 / .pi)]
  }

  /// The track, the cart and the pole, in metres; the pole is as long as it looks.
  public var picture: EnvironmentPicture? {
    let (center, floor) = (Self.edge + 0.3 + x, 0.3)
    let top = floor + 0.35
    return EnvironmentPicture(
      width: 2 * (Self.edge + 0.3), height: 1.9,
      [
        .line(from: .init(0, floor), to: .init(2 * (Self.edge + 0.3), floor), width: 0.04, .pale),
        .rectangle(.init(center - 0.3, floor), width: 0.6, height: 0.35),
        .line(
          from: .init(center, top), to: .init(center + sin(angle), top + cos(angle)), width: 0.11,
          .accent),
        .circle(.init(center, top), radius: 0.09, .pale),
      ])
  }
}
