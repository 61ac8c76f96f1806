public import DescentTraining

/// What a report keeps of a run: its curves and a few facts, so that the numbers of the next run can
/// take the memory of this one's.
public struct ReportRun: Sendable {
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

  /// What a log says.
  public init(_ log: RunLog) {
    (name, path, format) = (log.name, log.path, log.format)
    curves = log.tracks.mapValues(Curve.init)
    (events, settings, recipe) = (log.events, log.settings, log.recipe)
    (notes, histograms, samples) = (log.notes, log.histograms, log.samples)
    (lastStep, state) = (log.lastStep, log.state)
  }

  /// A metric; nil where the run has none, or no finite value.
  subscript(_ name: String) -> Curve? { curves[name].flatMap { $0.last == nil ? nil : $0 } }

  /// What there is one of for each of several things, by their names in order.
  func family(_ name: String) -> [(member: String, curve: Curve)] {
    curves.members(of: name).map { ($0, $1) }
  }
}

extension ReportRun: NamedRun {}
