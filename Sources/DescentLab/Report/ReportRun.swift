public import DescentTraining

/// What a report keeps of a run: its curves and a few facts, so that the numbers of the next run can
/// take the memory of this one's.
public struct ReportRun: NamedRun, Sendable {
  /// What tells it apart from others.
  public var name: String
  /// Where it was read.
  public let path: String
  /// What wrote it.
  public let format: RunLog.Format
  /// Its metrics by their names, as in ``RunLog``.
  public let curves: [String: Curve]
  /// What happened between the steps.
  public let events: [RunLog.Event]
  /// How it was set up: keys as in a recipe.
  public let settings: [(key: String, value: String)]
  /// The recipe as YAML; nil where there is none.
  public let recipe: String?
  /// What was skipped or mended when it was read.
  public let notes: [String]
  /// Distributions at some steps, by the names of their quantities.
  public let histograms: [String: [RunLog.Histogram]]
  /// What the model wrote or took for something else, with the steps done by then.
  public let samples: [(step: Int, sample: TrainingSample)]
  /// The last step of any metric.
  public let lastStep: Int
  /// Whether it goes on, as far as the log says.
  public let state: RunState
  /// Whether an agent learned from what it did itself, so that its losses say little.
  let isOfAgent: Bool
  /// The seconds that its steps took up to some of them.
  let elapsed: [Point]
  /// What is wrong with it, as ``Diagnosis`` finds; empty where nothing is.
  public let faults: [Finding]

  /// What a log says.
  public init(_ log: RunLog) {
    (name, path, format) = (log.name.withVisibleControls, log.path.withVisibleControls, log.format)
    curves = Dictionary(
      log.tracks.map { ($0.key.withVisibleControls, Curve($0.value)) },
      uniquingKeysWith: { first, _ in first })
    events = log.events.map {
      .init($0.kind, step: $0.step, text: $0.text.withVisibleControls)
    }
    settings = log.settings.map { ($0.key.withVisibleControls, $0.value.withVisibleControls) }
    (recipe, notes) = (log.recipe?.withVisibleControls, log.notes.map(\.withVisibleControls))
    histograms = Dictionary(
      log.histograms.map { ($0.key.withVisibleControls, $0.value) },
      uniquingKeysWith: { first, _ in first })
    samples = log.samples.map { ($0.step, $0.sample.withVisibleControls) }
    (lastStep, state, isOfAgent) = (log.lastStep, log.state, log.isOfAgent)
    elapsed = Self.elapsed(log["seconds"])
    faults = Diagnosis(log).faults
  }

  /// Steps that were left out since something was not finite.
  var skippedSteps: Int {
    let events = events.count { $0.kind == .skipped }
    if events > 0 { return events }
    guard let flags = curves["skipped"], flags.lowest?.y == 0, flags.highest?.y == 1 else {
      return 0
    }
    return Int((flags.mean * Double(flags.count - flags.nonFinite)).rounded())
  }

  /// A metric; nil where the run has none, or no finite value.
  subscript(_ name: String) -> Curve? { curves[name].flatMap { $0.last == nil ? nil : $0 } }

  /// What there is one of for each of several things, by their names in order.
  func family(_ name: String) -> [(member: String, curve: Curve)] {
    curves.members(of: name).map { ($0, $1) }
  }
}

extension TrainingSample {
  fileprivate var withVisibleControls: TrainingSample {
    switch self {
    case .text(let text): return .text(text.withVisibleControls)
    case .image(var image):
      image.label = image.label.withVisibleControls
      return .image(image)
    case .episode(var episode):
      episode.label = episode.label.withVisibleControls
      for i in episode.traces.indices {
        episode.traces[i].name = episode.traces[i].name.withVisibleControls
      }
      return .episode(episode)
    }
  }
}

extension String {
  /// The text with what would move a cursor or break a page made visible; the ends of lines stay.
  var withVisibleControls: String {
    guard unicodeScalars.contains(where: Self.isControl) else { return self }
    return unicodeScalars.map { Self.isControl($0) ? $0.escaped(asASCII: true) : String($0) }
      .joined()
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
  }
}
