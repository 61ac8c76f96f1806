/// A state of an environment as a small drawing: a few shapes, the later ones over the earlier ones.
public struct EnvironmentPicture: Sendable, Equatable {
  /// How far x reaches, from left to right, in a unit that the environment chooses.
  public var width: Double
  /// How far y reaches, from the bottom up, in the same unit.
  public var height: Double
  /// What is drawn.
  public var shapes: [Shape]

  /// A drawing of shapes.
  public init(width: Double, height: Double, _ shapes: [Shape] = []) {
    (self.width, self.height, self.shapes) = (width, height, shapes)
  }

  /// A shape; the page chooses the colours, light or dark.
  public enum Shape: Sendable, Equatable {
    /// A stroke from one point to another.
    case line(from: Place, to: Place, width: Double, Tone = .ink)
    /// A filled rectangle with this lower left corner.
    case rectangle(Place, width: Double, height: Double, Tone = .ink)
    /// A filled circle.
    case circle(Place, radius: Double, Tone = .ink)
  }

  /// A point, from the lower left corner.
  public struct Place: Sendable, Equatable {
    /// To the right.
    public var x: Double
    /// Upwards.
    public var y: Double

    /// A point.
    public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
  }

  /// What a shape stands for.
  public enum Tone: String, Sendable, CaseIterable {
    /// What is there.
    case ink
    /// What the eye is to follow.
    case accent
    /// Surroundings.
    case pale
  }
}
