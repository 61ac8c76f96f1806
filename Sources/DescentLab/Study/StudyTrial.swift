import DescentTraining
public import Foundation

/// One run of a study. Its file is named by what it is: by its recipe, its seed among it, and by
/// what it begins with. So a cell that two experiments have is trained once, and a study that is
/// changed keeps what it still asks for.
public struct StudyTrial: Trial, Equatable {
  /// What it is for people: `rank, rank=8, seed 1337`.
  public var label: String
  /// Its recipe, with every value written out.
  public var recipe: String
  /// The weights that it begins with: a path, of a base from the folder of the study; nil for new
  /// ones.
  public var from: String?
  /// What tells those weights apart from others at the same place.
  public var stamp: String?
  /// What changes no bits: threads.
  public var overrides: [String] = []
  /// How it ended; nil while it has not.
  public var outcome: TrialOutcome?

  package init(
    _ label: String, _ recipe: Recipe, from: String? = nil, stamp: String? = nil
  ) {
    var recipe = recipe
    recipe.run.from = nil
    if let threads = recipe.run.threads { overrides = ["threads=\(threads)"] }
    recipe.run.threads = nil
    (self.label, self.recipe, self.from, self.stamp) = (label, recipe.yaml, from, stamp)
  }

  /// What names its file.
  var key: String {
    var print = Fingerprint()
    for text in [recipe, from ?? "", stamp ?? ""] {
      for byte in text.utf8 { print.add(UInt32(byte)) }
      print.add(256)
    }
    return print.text
  }

  /// A run is its recipe and what it begins with.
  public func isSame(as other: StudyTrial) -> Bool {
    (recipe, from, stamp) == (other.recipe, other.from, other.stamp)
  }

  /// Bases lie in the folder of the study, which is two levels up.
  public func beginning(in file: URL) -> String? {
    guard let from, !from.hasPrefix("/") else { return from }
    return file.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent(from).relativePath
  }

  /// `study`
  public static let work = "study"
}
