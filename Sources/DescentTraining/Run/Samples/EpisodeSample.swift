import Foundation

extension TrainingSample {
  /// An episode in an environment, for a person to look at.
  public struct Episode: Sendable, Equatable {
    /// Which it is: `cartpole, the most likely actions`.
    public var label: String
    /// How many steps it took.
    public var steps: Int
    /// Its return: the sum of the rewards.
    public var earned: Double
    /// What it looked like at some steps, in their order; empty where the environment draws nothing.
    public var frames: [Frame]
    /// Numbers that a person would follow, over the steps.
    public var traces: [Trace]

    /// A state.
    public struct Frame: Sendable, Equatable {
      /// The steps taken by then.
      public var step: Int
      /// What it looked like.
      public var picture: EnvironmentPicture

      /// A state after some steps.
      public init(step: Int, _ picture: EnvironmentPicture) {
        (self.step, self.picture) = (step, picture)
      }
    }

    /// A number over the steps of the episode.
    public struct Trace: Sendable, Equatable {
      /// What it is, with its unit.
      public var name: String
      /// The steps taken by then, ascending.
      public var steps: [Int]
      /// As many values.
      public var values: [Double]

      /// A number over some steps.
      public init(_ name: String, steps: [Int], values: [Double]) {
        (self.name, self.steps, self.values) = (name, steps, values)
      }
    }

    /// An episode.
    public init(
      label: String, steps: Int, earned: Double, frames: [Frame] = [], traces: [Trace] = []
    ) {
      (self.label, self.steps, self.earned) = (label, steps, earned)
      (self.frames, self.traces) = (frames, traces)
    }
  }
}

extension TrainingSample.Episode {
  /// The fields of its line.
  var fields: [(key: String, value: MetricValue)] {
    [
      ("kind", .text("episode")), ("label", .text(label)), ("steps", .integer(steps)),
      ("return", .number(earned)),
      (
        "frames",
        .list(frames.map { .object(["step": .integer($0.step)].merging($0.picture.fields) { $1 }) })
      ),
      (
        "traces",
        .list(
          traces.map {
            .object([
              "name": .text($0.name), "steps": .list($0.steps.map(MetricValue.integer)),
              "values": .list($0.values.map { .number(Self.rounded($0)) }),
            ])
          })
      ),
    ]
  }

  /// What a line says; nil where it is no episode.
  init?(_ line: [String: MetricValue]) {
    guard let label = line["label"].flatMap({ String($0) }),
      let steps = line["steps"].flatMap({ Int($0) }), steps >= 0,
      let earned = line["return"].flatMap({ Double($0) }), earned.isFinite,
      case .list(let frames)? = line["frames"], case .list(let traces)? = line["traces"]
    else { return nil }
    self.init(
      label: label, steps: steps, earned: earned, frames: frames.compactMap(Frame.init),
      traces: traces.compactMap(Trace.init))
  }

  /// Four places are enough to draw.
  fileprivate static func rounded(_ x: Double) -> Double {
    abs(x) < 1e9 ? (x * 1e4).rounded() / 1e4 : x
  }
}

extension TrainingSample.Episode.Frame {
  fileprivate init?(_ value: MetricValue) {
    guard case .object(let fields) = value, let step = fields["step"].flatMap({ Int($0) }),
      let picture = EnvironmentPicture(fields)
    else { return nil }
    self.init(step: step, picture)
  }
}

extension TrainingSample.Episode.Trace {
  fileprivate init?(_ value: MetricValue) {
    guard case .object(let fields) = value, let name = fields["name"].flatMap({ String($0) }),
      case .list(let steps)? = fields["steps"], case .list(let values)? = fields["values"]
    else { return nil }
    self.init(
      name, steps: steps.compactMap { Int($0) }, values: values.compactMap { Double($0) })
    guard self.steps.count == steps.count, self.values.count == steps.count,
      zip(self.steps, self.steps.dropFirst()).allSatisfy({ $0 < $1 })
    else { return nil }
  }
}

extension EnvironmentPicture {
  /// Its size and its shapes, each a list: what it is, its numbers, its tone.
  fileprivate var fields: [String: MetricValue] {
    [
      "width": .number(width), "height": .number(height),
      "shapes": .list(
        shapes.map { shape in
          let (name, numbers, tone) = shape.parts
          return .list(
            [.text(name)]
              + numbers.map { .number(TrainingSample.Episode.rounded($0)) } + [.text(tone.rawValue)]
          )
        }),
    ]
  }

  fileprivate init?(_ fields: [String: MetricValue]) {
    guard let width = fields["width"].flatMap({ Double($0) }), width > 0, width.isFinite,
      let height = fields["height"].flatMap({ Double($0) }), height > 0, height.isFinite,
      case .list(let list)? = fields["shapes"]
    else { return nil }
    self.init(width: width, height: height, list.compactMap(Shape.init))
  }
}

extension EnvironmentPicture.Shape {
  /// Its name, its numbers in order, and its tone.
  fileprivate var parts: (name: String, numbers: [Double], tone: EnvironmentPicture.Tone) {
    switch self {
    case .line(let from, let to, let width, let tone):
      ("line", [from.x, from.y, to.x, to.y, width], tone)
    case .rectangle(let corner, let width, let height, let tone):
      ("rectangle", [corner.x, corner.y, width, height], tone)
    case .circle(let center, let radius, let tone): ("circle", [center.x, center.y, radius], tone)
    }
  }

  fileprivate init?(_ value: MetricValue) {
    guard case .list(let parts) = value, let name = parts.first.flatMap({ String($0) }),
      let tone = parts.last.flatMap({ String($0) }).flatMap(EnvironmentPicture.Tone.init)
    else { return nil }
    let numbers = parts.dropFirst().dropLast().compactMap { Double($0) }
    guard numbers.count == parts.count - 2, numbers.allSatisfy(\.isFinite) else { return nil }
    switch (name, numbers.count) {
    case ("line", 5):
      self = .line(
        from: .init(numbers[0], numbers[1]), to: .init(numbers[2], numbers[3]), width: numbers[4],
        tone)
    case ("rectangle", 4):
      self = .rectangle(
        .init(numbers[0], numbers[1]), width: numbers[2], height: numbers[3], tone)
    case ("circle", 3): self = .circle(.init(numbers[0], numbers[1]), radius: numbers[2], tone)
    default: return nil
    }
  }
}
