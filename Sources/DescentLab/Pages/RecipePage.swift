import DescentTraining

/// What there is to train.
public enum RecipePage {
  /// The built-in recipes, a table for each group of them.
  public static func list() -> Document {
    let list = BuiltInRecipes.list
    var groups: [String] = []
    for entry in list where !groups.contains(entry.group) { groups.append(entry.group) }
    return Document(
      "Recipes",
      [
        .sections(
          groups.map { group in
            Section(
              group,
              [
                .table(
                  Table(
                    [.init("name", "recipe"), .init("summary", "what it trains")],
                    rows: list.filter { $0.group == group }.map {
                      [.text($0.name), .text($0.summary)]
                    }))
              ])
          }),
        .data([
          (
            "recipes",
            .array(
              list.map { entry in
                .object([
                  ("name", .text(entry.name)), ("group", .text(entry.group)),
                  ("summary", .text(entry.summary)),
                ])
              })
          )
        ]),
      ])
  }
}
