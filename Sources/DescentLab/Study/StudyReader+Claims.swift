import Descent
import DescentTraining

// What a study says of its runs: claims, panels, tables.

extension StudyReader {
  /// The experiment that a part is about; the only one where it does not say.
  private func experiment(_ section: StudySection) -> StudyPlan.Experiment? {
    let names = plan.experiments.map(\.name)
    guard let name = section.text("experiment") else {
      if names.count == 1 { return plan.experiments[0] }
      if section["experiment"] == nil, !names.isEmpty {
        problems.add(
          section.place("experiment"),
          "is missing: the study has \(names.joined(separator: ", "))")
      }
      return nil
    }
    guard let experiment = plan.experiment(name) else {
      // A quick study may leave experiments out, and what is said of them.
      if !names.isEmpty, !plan.isQuick {
        problems.add(
          section.place("experiment"),
          "is '\(quotable(name))', and there is none called that; \(hint(for: name, among: names))")
      }
      return nil
    }
    return experiment
  }

  private func axis(_ key: String, _ section: StudySection, of experiment: StudyPlan.Experiment)
    -> String?
  {
    guard let name = section.text(key) else { return nil }
    guard let index = experiment.axis(name) else {
      problems.add(
        section.place(key),
        "is '\(quotable(name))', which '\(experiment.name)' does not vary; "
          + hint(for: name, among: experiment.axes.map(\.key)))
      return nil
    }
    return experiment.axes[index].key
  }

  mutating func readClaim(_ section: StudySection) {
    section.allow(["say", "experiment", "metric", "of", "compare", "along", "where", "expect"])
    let say = section.required("say", "the claim in words")
    let experiment = experiment(section)
    let metric = section.metric("metric", section.required("metric", "a number such as val_loss"))
    let of = section.reduction("of")
    let comparison = section.choice("compare", ["ratio", "difference"])
    guard let experiment else { return }
    let along = axis("along", section, of: experiment)
    guard let expectation = expectation(section, experiment, along: along) else { return }
    var filter: [(axis: String, value: String)] = []
    if let value = section["where"],
      let keys = StudySection(value, at: section.place("where"), problems, example: "steps: 300")
    {
      for (key, _) in keys.entries {
        guard let index = experiment.axis(key) else {
          problems.add(
            keys.place(key),
            "is not varied by '\(experiment.name)'; "
              + hint(for: key, among: experiment.axes.map(\.key)))
          continue
        }
        let axis = experiment.axes[index]
        guard let text = keys.text(key) else { continue }
        guard plan.isQuick || axis.values.contains(where: { $0.name == text }) else {
          problems.add(
            keys.place(key),
            "is '\(quotable(text))'; there are: \(axis.values.map(\.name).joined(separator: ", "))")
          continue
        }
        filter.append((axis.key, text))
      }
    }
    checkCells(of: expectation, filter, section, experiment, along: along)
    guard let say, let metric else { return }
    if !metric.isSeries {
      if of != nil {
        problems.add(
          section.place("of"), "does not go with \(metric.text), which is one number of a run")
      }
      if expectation.isOfSeries {
        problems.add(
          section.place("expect"),
          "is about a series over steps, and \(metric.text) is one number of a run")
      }
    } else if of != nil, expectation.isOfSeries {
      problems.add(
        section.place("of"), "does not go with this expectation, which is about all of the run")
    }
    plan.claims.append(
      StudyClaim(
        say: say, experiment: experiment.name, metric: metric, reduction: of ?? .final,
        expectation: expectation,
        isRatio: comparison.map { $0 == "ratio" } ?? (metric.isRatio || of?.isRatio == true),
        filter: filter))
  }

  /// Says where an expectation compares a cell with itself, or names one that `where` leaves out. A short
  /// form may have fewer cells.
  private func checkCells(
    of expectation: StudyClaim.Expectation, _ filter: [(axis: String, value: String)],
    _ section: StudySection, _ experiment: StudyPlan.Experiment, along: String?
  ) {
    if plan.isQuick { return }
    let left = experiment.cells.filter { experiment.isCell($0, among: filter) }
    let named = expectation.cells
    if Set(named).count < named.count {
      problems.add(section.place("expect"), "compares '\(quotable(named[0]))' with itself")
    } else if let other = named.first(where: { name in !left.contains { $0.label == name } }) {
      problems.add(
        section.place("where"), "leaves out '\(quotable(other))', which the expectation names")
    } else if expectation.comparesCells, left.count < 2 {
      problems.add(section.place("expect"), "compares cells, and there is only one")
    } else if case .trend(let axis, _) = expectation,
      let place = (along ?? axis).flatMap(experiment.axis),
      Set(left.map { $0.places[place] }).count < 2
    {
      problems.add(
        section.place("along"),
        "is '\(experiment.axes[place].key)', of which only one value is looked at")
    }
  }

  private static let expectations =
    "falls, rises, equal, {higher: CELL, than: CELL}, {lower: CELL, than: CELL}, {lowest: CELL}, "
    + "{highest: CELL}, {at_most: NUMBER, in: CELL}, {at_least: NUMBER, in: CELL}, {within: 0.5 %, "
    + "of: CELL}, {never: falls} or {settles: 10 %, last: 1/3}"

  private func expectation(
    _ section: StudySection, _ experiment: StudyPlan.Experiment, along: String?
  ) -> StudyClaim.Expectation? {
    func refuse(_ what: String) -> StudyClaim.Expectation? {
      problems.add(section.place("expect"), "\(what): give \(Self.expectations)")
      return nil
    }
    let along = along ?? (experiment.axes.count == 1 ? experiment.axes.first?.key : nil)
    switch section["expect"] {
    case nil: return refuse("is missing")
    case .text("falls"), .text("rises"):
      if along == nil, section["along"] == nil, !experiment.axes.isEmpty {
        problems.add(
          section.place("along"),
          "is missing: say which of \(experiment.axes.map(\.key).joined(separator: ", ")) it "
            + "follows"
        )
      }
      return .trend(axis: along, rises: section.text("expect") == "rises")
    case .text("equal"): return .equal(share: 0.01)
    case .text(let text): return refuse("is '\(quotable(text))', which is not known")
    case .map:
      guard let value = section["expect"],
        let part = StudySection(value, at: section.place("expect"), problems, example: "lowest")
      else { return nil }
      return read(part, experiment, refuse)
    default: return refuse("cannot be read")
    }
  }

  private func read(
    _ part: StudySection, _ experiment: StudyPlan.Experiment,
    _ refuse: (String) -> StudyClaim.Expectation?
  ) -> StudyClaim.Expectation? {
    func cell(_ key: String) -> String? {
      guard let text = part.required(key, "a cell of '\(experiment.name)'") else { return nil }
      return known(text, key)
    }
    func known(_ text: String, _ key: String) -> String? {
      if let index = experiment.cell(text) { return experiment.cells[index].label }
      // A quick study may have fewer.
      if plan.isQuick { return text }
      problems.add(
        part.place(key),
        "is '\(quotable(text))', and '\(experiment.name)' has no such cell; "
          + hint(for: text, among: experiment.cells.map(\.label)))
      return nil
    }
    func `in`() -> String? { part.text("in").flatMap { known($0, "in") } }
    guard let key = part.entries.first(where: { Self.forms[$0.key] != nil })?.key else {
      return refuse("has none of the keys that are known")
    }
    part.allow([key] + (Self.forms[key] ?? []))
    switch key {
    case "higher", "lower":
      guard let a = cell(key), let b = cell("than") else { return nil }
      return key == "higher" ? .order(higher: a, lower: b) : .order(higher: b, lower: a)
    case "lowest", "highest":
      return cell(key).map { .extreme($0, isLowest: key == "lowest") }
    case "at_most", "at_least":
      return part.number(key).map { .bound($0, isUpper: key == "at_most", cell: `in`()) }
    case "never":
      return part.choice(key, ["falls", "rises"]).map { .never(falls: $0 == "falls", cell: `in`()) }
    case "settles":
      guard let share = part.share(key) else { return nil }
      let last = part.share("last") ?? 1 / 3
      if last > 1 {
        problems.add(part.place("last"), "is more than all of the run: give 1 at most")
      }
      return .settles(share: share, last: last, cell: `in`())
    case "within":
      guard let share = part.share(key), let of = cell("of") else { return nil }
      return .within(share: share, of: of, cell: `in`())
    case "equal":
      return part.share(key).map { .equal(share: $0) }
    default: return nil
    }
  }

  /// The keys that go with each expectation.
  private static let forms: [String: [String]] = [
    "higher": ["than"], "lower": ["than"], "lowest": [], "highest": [], "at_most": ["in"],
    "at_least": ["in"], "never": ["in"], "settles": ["last", "in"], "within": ["of", "in"],
    "equal": [],
  ]

  // MARK: Panels and tables

  mutating func readPanel(_ section: StudySection) {
    section.allow(["title", "experiment", "show", "of", "by", "scale"])
    let experiment = experiment(section)
    if section["show"] == nil {
      problems.add(section.place("show"), "is missing: give a number such as val_loss, or several")
    }
    let of = section.reduction("of")
    let scale = section.choice("scale", ["log", "linear"])
    let metrics = (section.texts("show") ?? []).compactMap { section.metric("show", $0) }
    guard let experiment, !metrics.isEmpty else { return }
    let axis = axis("by", section, of: experiment)
    let isPoint = metrics.contains { !$0.isSeries }
    let words = listed(metrics.map { (of ?? .final).words($0) })
    plan.panels.append(
      StudyPanel(
        title: section.text("title")
          ?? "\(experiment.title): \(of == nil ? listed(metrics.map(\.words)) : words)",
        experiment: experiment.name, metrics: metrics, reduction: isPoint ? of ?? .final : of,
        axis: axis, isLogarithmic: scale == "log"))
  }

  mutating func readTable(_ section: StudySection) {
    section.allow(["experiment", "columns"])
    let experiment = experiment(section)
    guard case .list(let items)? = section["columns"], !items.isEmpty else {
      problems.add(
        section.place("columns"), "must be a list of numbers such as [val_loss, seconds]")
      return
    }
    var columns: [(metric: StudyMetric, reduction: StudyReduction)] = []
    for (index, item) in items.enumerated() {
      var (text, of): (String?, StudyReduction?) = (nil, nil)
      let place = "columns[\(index + 1)]"
      switch item {
      case .text(let name): text = name
      case .map:
        guard
          let part = StudySection(item, at: section.place(place), problems, example: "show and of")
        else { continue }
        part.allow(["show", "of"])
        text = part.required("show", "a number such as val_loss")
        of = part.reduction("of")
      default: problems.add(section.place(place), "must be a number, or {show: d, of: max}")
      }
      if let metric = section.metric(place, text) {
        columns.append((metric, of ?? (text == "memory" ? .max : .final)))
      }
    }
    guard let experiment else { return }
    plan.tables.append(StudyTable(experiment: experiment.name, columns: columns))
  }
}
