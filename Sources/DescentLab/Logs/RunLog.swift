public import DescentTraining
import Foundation

/// What a run wrote down about its training, whoever wrote it: numbers over its steps.
///
/// Metrics have the names that Descent's own runs give them, whatever the log calls them (``Metric``):
/// `loss`, `val_loss`, `lr`, `grad_norm`. Where there is one for each of several things, group or
/// tensor, its name follows a slash: `lr/default`, `update_ratio/wte.weight`.
public struct RunLog: Sendable {
  /// What tells the run apart from others: the name of its folder or file, or what the log calls it.
  public var name: String
  /// Where it was read.
  public var path: String
  /// What wrote it.
  public var format: Format
  /// Numbers over steps, by their names.
  public var tracks: [String: Track] = [:]
  /// How numbers were distributed at some steps, by what they are of: `weight/<tensor>`,
  /// `gradient/<tensor>`, `update/<tensor>`.
  public var histograms: [String: [Histogram]] = [:]
  /// What the model made, with the steps done by then.
  public var samples: [(step: Int, sample: TrainingSample)] = []
  /// Whether it goes on, as far as the log says.
  public var state = RunState.unknown
  /// What happened between the steps, in their order.
  public var events: [Event] = []
  /// How the run was set up, as far as the log says: keys as in a recipe, with dots.
  public var settings: [(key: String, value: String)] = []
  /// The recipe, as YAML, where the run has one.
  public var recipe: String?
  /// What was skipped or mended when it was read: sentences.
  public var notes: [String] = []

  /// A log without any numbers yet.
  public init(name: String, path: String, format: Format) {
    (self.name, self.path, self.format) = (name, path, format)
  }

  /// What writes logs.
  public enum Format: String, Sendable {
    /// A run directory, or its metrics.jsonl.
    case descent
    /// A table with named columns.
    case csv
    /// Event files of TensorBoard, or a folder of them.
    case tensorBoard = "tensorboard"
    /// `trainer_state.json` of Hugging Face's Trainer.
    case trainerState = "trainer_state"
    /// One JSON object a line, of other tools.
    case jsonLines = "jsonl"
  }

  /// How many numbers lay where, after a step.
  public struct Histogram: Sendable, Equatable {
    /// The steps done.
    public let step: Int
    /// The edges of its bins, ascending: one more than there are bins.
    public let edges: [Double]
    /// How many numbers lie in each bin.
    public let counts: [Double]

    /// A histogram with the edges of its bins.
    public init(step: Int, edges: [Double], counts: [Double]) {
      precondition(edges.count == counts.count + 1, "bins lie between edges")
      (self.step, self.edges, self.counts) = (step, edges, counts)
    }

    /// A histogram of equal bins from one number to another.
    public init(step: Int, from: Double, to: Double, counts: [Double]) {
      let width = (to - from) / Double(max(counts.count, 1))
      edges = (0...counts.count).map { $0 == counts.count ? to : from + Double($0) * width }
      (self.step, self.counts) = (step, counts)
    }
  }

  /// Something that happened.
  public struct Event: Sendable, Equatable {
    /// What kind of thing.
    public enum Kind: String, Sendable {
      /// A step was left out since something was not finite.
      case skipped
      /// The run went back to a checkpoint after a spike.
      case spike
      /// Steps were done again: the run was resumed from before them.
      case restarted
    }
    /// What kind of thing.
    public var kind: Kind
    /// The step that it belongs to.
    public var step: Int
    /// What happened, in words.
    public var text: String

    /// An event.
    public init(_ kind: Kind, step: Int, text: String) {
      (self.kind, self.step, self.text) = (kind, step, text)
    }
  }

  /// The numbers of a metric; nil where the log has none.
  public subscript(_ name: String) -> Track? { tracks[name] }

  /// What there is one of for each of several things, by their names in order: `family("lr")` has
  /// `lr/a` as `a`.
  public func family(_ name: String) -> [(member: String, track: Track)] {
    tracks.members(of: name).map { ($0, $1) }
  }

  /// The last step of any metric; 0 where there is none.
  public var lastStep: Int { tracks.values.compactMap(\.steps.last).max() ?? 0 }
}

/// Numbers over steps.
public struct Track: Sendable, Equatable {
  /// Ascending, each once.
  public let steps: [Int]
  /// As many; NaN and infinities where the run had them.
  public let values: [Double]

  /// Numbers over steps, ascending.
  public init(steps: [Int], values: [Double]) {
    precondition(steps.count == values.count, "a value for each step")
    (self.steps, self.values) = (steps, values)
  }

  /// How many there are.
  public var count: Int { steps.count }
  /// Whether there are none.
  public var isEmpty: Bool { steps.isEmpty }
  /// The last value that is finite.
  public var last: Double? { values.last(where: \.isFinite) }
}

extension Dictionary where Key == String {
  /// What there is one of for each of several things: the values of `name/…`, by what follows the slash.
  func members(of name: String) -> [(member: String, value: Value)] {
    compactMap { key, value in
      key.hasPrefix(name + "/") ? (String(key.dropFirst(name.count + 1)), value) : nil
    }.sorted { $0.member.isBefore($1.member) }
  }
}

extension String {
  /// Whether a reader expects it before another: `h.2` before `h.10`.
  func isBefore(_ other: String) -> Bool { localizedStandardCompare(other) == .orderedAscending }
}
