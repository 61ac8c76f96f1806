import DescentTraining

/// What there is to train.
public enum RecipePage {
  /// A line for each built-in recipe.
  public static func list() -> Document {
    Document(
      "Recipes",
      [
        .table(
          Table(
            [.init("name", "recipe"), .init("summary", "what it trains")], key: "recipes",
            rows: BuiltInRecipes.list.map { [.text($0.name), .text($0.summary)] }))
      ])
  }
}
