/// Takes down what an environment looks like in an episode.
struct EpisodeRecorder {
  private var pictures: [EnvironmentPicture] = []
  private var names: [String] = []
  private var readings: [[Double]] = []

  /// Frames of the strip, at most.
  static let frames = 12
  /// Points of a trace, at most.
  static let points = 250

  /// Takes down the beginning.
  init(_ beginning: some Environment) {
    names = beginning.readings.map(\.name)
    record(beginning, after: 0)
  }

  /// Takes down the state after so many steps, one more than before.
  mutating func record(_ environment: some Environment, after step: Int) {
    if let picture = environment.picture, pictures.count == step { pictures.append(picture) }
    readings.append(environment.readings.map(\.value))
  }

  /// All of it, thinned out evenly, its first and last states included.
  func episode(label: String, steps: Int, earned: Double) -> TrainingSample.Episode {
    typealias Episode = TrainingSample.Episode
    let traced = Self.places(readings.count, atMost: Self.points).filter {
      readings[$0].count == names.count && readings[$0].allSatisfy(\.isFinite)
    }
    return Episode(
      label: label, steps: steps, earned: earned,
      frames: Self.places(pictures.count, atMost: Self.frames).map {
        Episode.Frame(step: $0, pictures[$0])
      },
      traces: names.enumerated().map { index, name in
        Episode.Trace(name, steps: traced, values: traced.map { readings[$0][index] })
      })
  }

  private static func places(_ count: Int, atMost most: Int) -> [Int] {
    if count <= most { return Array(0..<count) }
    return (0..<most).map { ($0 * (count - 1) + (most - 1) / 2) / (most - 1) }
  }
}
