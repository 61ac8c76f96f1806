import DescentTraining
import Foundation

/// What is studied: a question, runs over grids of recipe keys, and claims that the runs are held
/// to.
public struct StudyPlan: Sendable {
  /// What tells it apart: the name of its file.
  public var name = ""
  /// What is asked.
  public var question = ""
  /// What stands below the question; may be empty.
  public var notes = ""
  /// Runs of each cell, which differ by their seeds.
  public var seeds = 3
  /// Runs that are trained once, before the others, which begin with their weights.
  public var bases: [Base] = []
  /// The grids.
  public var experiments: [Experiment] = []
  /// What the runs are held to.
  public var claims: [StudyClaim] = []
  /// What is drawn.
  public var panels: [StudyPanel] = []
  /// What is tabulated beside what claims and panels use.
  public var tables: [StudyTable] = []
  /// Whether the section `quick` was applied.
  public var isQuick = false
  /// What the command line changed in every run.
  public var changes: [String] = []
  /// The folder that its paths are relative to.
  var folder = URL(fileURLWithPath: ".")
  /// All of it as it is written down, with ``changes`` and without `quick`.
  var tree = YAMLValue.null

  /// A recipe.
  public struct Source: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its text.
    public var yaml: String
  }

  /// A run that others begin with.
  public struct Base: Sendable {
    /// Its name.
    public var name: String
    /// Its recipe.
    public var source: Source
    /// What is changed in the recipe; `from` is what it begins with itself.
    public var changes: [String]
  }

  /// A grid of runs.
  public struct Experiment: Sendable {
    /// Its name in the study.
    public var name: String
    /// What people call it.
    public var title: String
    /// The recipe of its runs.
    public var source: Source
    /// What is changed in all of them; `from` is what they begin with, a base or what recipes take.
    public var changes: [String]
    /// What differs between them.
    public var axes: [Axis]
    /// The product of the axes, the last changing first.
    public var cells: [Cell]

    /// The cell that a text names: its label, the values of its axes, or `key=value` for each of
    /// them.
    public func cell(_ text: String) -> Int? {
      let wanted = Self.plain(text)
      return cells.firstIndex { $0.names.contains(wanted) }
    }

    /// Whether a cell has the values that a filter asks for.
    func isCell(_ cell: Cell, among filter: [(axis: String, value: String)]) -> Bool {
      filter.allSatisfy { key, value in
        axis(key).map { axes[$0].values[cell.places[$0]].name == value } ?? false
      }
    }

    static func plain(_ text: String) -> String {
      text.split(separator: ",").map { $0.filter { $0 != " " } }.sorted().joined(separator: ",")
    }

    /// The place of an axis, by its key or the end of it.
    public func axis(_ key: String) -> Int? {
      axes.firstIndex { $0.key == key } ?? axes.firstIndex { $0.label == key }
    }
  }

  /// What differs between the runs of an experiment.
  public struct Axis: Sendable {
    /// The key of the recipe; `points` where each value changes several.
    public var key: String
    /// The key as it stands in labels.
    public var label: String
    /// The values in their order, with what each changes.
    public var values: [(name: String, changes: [String])]
    /// The values as numbers; nil where one is none.
    public var numbers: [Double]? {
      let numbers = values.compactMap { Double($0.name) }
      return numbers.count == values.count ? numbers : nil
    }
  }

  /// Runs that differ by nothing but their seeds.
  public struct Cell: Sendable {
    /// What people call it: `rank=8`.
    public var label: String
    /// The place of its value on each axis.
    public var places: [Int]
    /// What it changes.
    public var changes: [String]
    /// How it may be named, without spaces and in the order of the alphabet.
    var names: Set<String>
  }

  /// The experiment of a name.
  public func experiment(_ name: String) -> Experiment? { experiments.first { $0.name == name } }
}

/// A chart of a study.
public struct StudyPanel: Sendable {
  /// Stands above it.
  public var title: String
  /// The experiment that it shows.
  public var experiment: String
  /// What is drawn, one line or dot a cell each.
  public var metrics: [StudyMetric]
  /// The number that a run has on it; nil draws lines over the steps.
  public var reduction: StudyReduction?
  /// The axis along which cells lie, or by whose values their lines are joined; nil is each by
  /// itself.
  public var axis: String?
  /// Whether the vertical axis is logarithmic.
  public var isLogarithmic: Bool
}

/// A table of a study, a row for each cell.
public struct StudyTable: Sendable {
  /// The experiment that it shows.
  public var experiment: String
  /// What stands in it.
  public var columns: [(metric: StudyMetric, reduction: StudyReduction)]
}
