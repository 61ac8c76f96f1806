/// The columns of a table that Weights & Biases exports: `"Step","run-a - train/loss",
/// "run-a - train/loss__MIN","run-a - train/loss__MAX"`, for several runs side by side.
struct WandbExport {
  enum Column: Equatable {
    case step, ignored
    case metric(run: Int, String)
  }

  private(set) var runs: [String] = []
  private(set) var columns: [Column] = []

  /// nil for another table.
  init?(_ names: [String]) {
    guard names.count > 1,
      names.first.map({ StepName.rank($0) != nil || StepName.isClock($0) }) == true,
      names.dropFirst().allSatisfy({ $0.contains(" - ") }),
      names.dropFirst().contains(where: { $0.hasSuffix("__MIN") || $0.hasSuffix("__MAX") })
        || names.dropFirst().allSatisfy({ Self.parts($0)?.metric.isEmpty == false })
    else { return nil }
    columns = [.step]
    for name in names.dropFirst() {
      guard let (run, metric) = Self.parts(name), !metric.hasSuffix("__MIN"),
        !metric.hasSuffix("__MAX"), !metric.hasPrefix("_")
      else {
        columns.append(.ignored)
        continue
      }
      let index = runs.firstIndex(of: run) ?? runs.count
      if index == runs.count { runs.append(run) }
      columns.append(.metric(run: index, metric))
    }
    if runs.isEmpty { return nil }
  }

  /// Names of runs may hold the separator; those of metrics seldom do.
  private static func parts(_ name: String) -> (run: String, metric: String)? {
    name.ranges(of: " - ").last.map {
      (String(name[..<$0.lowerBound]), String(name[$0.upperBound...]))
    }
  }
}

/// What TensorBoard's "download" writes: `Wall time,Step,Value` of one tag, whose name stands in that
/// of the file: `run-NAME-tag-train_loss.csv`.
enum TensorBoardExport {
  /// The tag; nil for another table.
  static func tag(of fileName: String, header: [String]) -> String? {
    isExport(header) ? tag(of: fileName) : nil
  }

  /// The tag that the name of a file gives: its last part, or all of it where that is a metric.
  static func tag(of fileName: String) -> String {
    let stem = stem(fileName)
    let tag = stem.ranges(of: "-tag-").last.map { String(stem[$0.upperBound...]) } ?? stem
    return metric(tag) ?? tag
  }

  /// Whether nothing says what the values of an export are.
  static func isNameless(_ fileName: String) -> Bool {
    let stem = stem(fileName)
    return stem.ranges(of: "-tag-").isEmpty && metric(stem) == nil
  }

  /// The name of a known metric that a tag stands for: file names have `_` for `/`.
  private static func metric(_ tag: String) -> String? {
    if MetricName(tag).key != nil { return tag }
    return tag.indices.lazy.filter { tag[$0] == "_" }
      .map { tag[..<$0] + "/" + tag[tag.index(after: $0)...] }.map { String($0) }
      .first { MetricName($0).key != nil }
  }

  /// The run; nil where the file does not say.
  static func run(of fileName: String, header: [String]) -> String? {
    guard isExport(header) else { return nil }
    let stem = stem(fileName)
    guard stem.hasPrefix("run-"), let tag = stem.ranges(of: "-tag-").last else { return nil }
    let run = stem[..<tag.lowerBound].dropFirst(4)
    return run.isEmpty || run == "." ? nil : String(run)
  }

  private static func isExport(_ header: [String]) -> Bool {
    Set(header.map { $0.lowercased() }) == ["wall time", "step", "value"]
  }

  private static func stem(_ fileName: String) -> String {
    fileName.lastIndex(of: ".").map { String(fileName[..<$0]) } ?? fileName
  }
}
