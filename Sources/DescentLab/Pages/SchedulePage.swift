public import Descent

/// What the schedules are.
public enum SchedulePage {
  /// A line for each schedule, and the names that other libraries have for them.
  public static func list() -> Document {
    let libraries = ["torch", "Hugging Face"].map { library in
      let names = ScheduleAlias.all.filter { $0.library == library }.map(\.name)
      return Fact(library, .text(names.joined(separator: ", ")))
    }
    return Document(
      "Schedules",
      [
        .table(table()),
        .section(
          Section("names and parameters of other libraries are accepted", [.facts(libraries)])),
      ])
  }

  /// The same as one JSON object per schedule.
  public static func lines() -> [JSONValue] {
    let table = table()
    return table.rows.map(table.json)
  }

  /// A schedule is explained even where it cannot be made without settings.
  private static func type(
    called name: String
  ) throws(SettingErrors) -> any Schedule.Type {
    let own = Schedules.all.first { $0.name == name }
    let other = ScheduleAlias.all.first { $0.name == name }?.schedule
    if let known = own ?? other { return known }
    return Swift.type(of: try Schedules.make(name))
  }

  private static func table() -> Table {
    Table(
      [.init("name", "schedule"), .init("summary", "what it does")], key: "schedules",
      rows: Schedules.all.map { [.text($0.name), .text($0.about.summary)] })
  }

  /// All that a schedule declares, and its curve with the default parameters where it has one.
  ///
  /// - Parameter name: here, in torch or at Hugging Face.
  /// - Throws: for an unknown name.
  public static func about(_ name: String) throws(SettingErrors) -> Document {
    let schedule = try type(called: name)
    let (about, curve) = (schedule.about, try? ScheduleCurve(schedule: name))
    let isFed = curve?.awaitsMetric.isEmpty ?? true
    let aliases = Schedules.aliases(of: schedule.name).map { alias in
      Fact(
        alias.library, .text("\(alias.name)(\(alias.settingNames.joined(separator: ", ")))"))
    }
    return Document(
      schedule.name,
      [
        .data([("name", .text(schedule.name))]),
        .paragraph(
          name == schedule.name ? "" : "\(name) is \(schedule.name) under another name."),
        .paragraph(about.summary, key: "summary"),
        .preformatted(about.formula, key: "formula"),
        .section(
          Section(
            "parameters",
            OptimizerPage.settings(of: schedule, key: "parameters"))),
        .section(Section("elsewhere", [.facts(aliases)])),
      ] + OptimizerPage.words(of: about) + [
        .figures(isFed ? curve.map { [$0.figure] } ?? [] : []),
        .paragraph(
          isFed
            ? "" : "descent schedule \(name) --metric 1,0.9,0.9 shows how it follows a metric"),
      ])
  }
}
