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
  /// What the model made at some steps.
  public var samples: [Sample] = []
  /// Whether it goes on; nil where the log does not say.
  public var state: State?
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

  /// Whether a run goes on.
  public enum State: String, Sendable {
    /// A process trains it now.
    case running
    /// All its steps are done.
    case finished
    /// It ended before: interrupted, stopped by the guard, or killed.
    case stopped
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

  /// What the model made after a step.
  public struct Sample: Sendable, Equatable {
    /// What it made.
    public enum Content: Sendable, Equatable {
      /// A text.
      case text(String)
      /// A picture: grey from 0 to 255, row by row.
      case image(label: String, width: Int, height: Int, pixels: [UInt8])
    }
    /// The steps done.
    public let step: Int
    /// What it made.
    public let content: Content

    /// A sample.
    public init(step: Int, content: Content) { (self.step, self.content) = (step, content) }
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
    tracks.compactMap { key, track in
      key.hasPrefix(name + "/") ? (String(key.dropFirst(name.count + 1)), track) : nil
    }.sorted { $0.member.isBefore($1.member) }
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

extension String {
  /// Whether a reader expects it before another: `h.2` before `h.10`.
  func isBefore(_ other: String) -> Bool { localizedStandardCompare(other) == .orderedAscending }
}
