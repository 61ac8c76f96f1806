public import Descent

/// Something about optimizers that `descent explain` explains on a page of its own.
///
/// A topic is a file in `Explain/Topics` and a line in ``Topics/all``. Whatever number its page says
/// was computed while the page was made, by the rules, schedules and formats of the package.
public protocol Topic: Sendable {
  /// The name on the command line, in lower case with hyphens.
  static var name: String { get }
  /// The heading of the page.
  static var title: String { get }
  /// One sentence for the list of topics.
  static var summary: String { get }
  /// Other names that lead here.
  static var aliases: [String] { get }
  /// The rules that it is about: their names, and those of their settings, lead here, too.
  static var rules: [any Rule.Type] { get }
  /// The schedules that it is about, likewise.
  static var schedules: [any Schedule.Type] { get }
  /// Computes what the page says; takes well under a second.
  static func explanation() throws -> Explanation
}

/// What the page of a topic says, part by part; every page has the same parts in the same order.
public struct Explanation: Sendable {
  /// The question that the page answers.
  public var question: String
  /// The answer in a few sentences.
  public var answer: String
  /// The rule, in the letters of its documentation.
  public var formula: String
  /// What the letters mean.
  public var letters: String
  /// What happens: figures and tables that were computed for this page.
  public var demonstrations: [Section]
  /// Questions that a learner is asked elsewhere, with their answers.
  public var exercises: [Exercise]
  /// What is often written or believed, and what is true.
  public var mistakes: [Mistake]
  /// What to write in a recipe, and when.
  public var advice: String
  /// The keys of a recipe, as YAML; empty where there are none.
  public var recipe: String
  /// Where it comes from.
  public var reference: String

  /// An explanation.
  public init(
    question: String, answer: String, formula: String, letters: String,
    demonstrations: [Section], exercises: [Exercise] = [], mistakes: [Mistake], advice: String,
    recipe: String, reference: String
  ) {
    (self.question, self.answer) = (question, answer)
    (self.formula, self.letters) = (formula, letters)
    (self.demonstrations, self.exercises, self.mistakes) = (demonstrations, exercises, mistakes)
    (self.advice, self.recipe, self.reference) = (advice, recipe, reference)
  }

  /// A question with its answer.
  public struct Exercise: Sendable {
    public var question: String
    /// Paragraphs, tables, figures.
    public var answer: [Document.Block]

    /// An exercise.
    public init(_ question: String, _ answer: [Document.Block]) {
      (self.question, self.answer) = (question, answer)
    }
  }

  /// A belief and what is true.
  public struct Mistake: Sendable {
    /// What is often written, as a sentence.
    public var belief: String
    /// What is true, with the numbers that show it.
    public var truth: String

    /// A belief that is wrong.
    public init(_ belief: String, but truth: String) {
      (self.belief, self.truth) = (belief, truth)
    }
  }
}

extension Topic {
  /// No other names.
  public static var aliases: [String] { [] }
  /// About no rule.
  public static var rules: [any Rule.Type] { [] }
  /// About no schedule.
  public static var schedules: [any Schedule.Type] { [] }

  /// The names that lead here, those of a topic of its own first, then those of rules and schedules,
  /// here and elsewhere, then those of their settings.
  static var names: [[String]] {
    func settings(_ type: (some Configurable).Type) -> [String] { type.settings.map(\.name) }
    let elsewhere = ScheduleAlias.all.filter { alias in
      schedules.contains { $0 == alias.schedule }
    }
    return [
      [name] + aliases,
      rules.map { $0.name } + schedules.map { $0.name } + elsewhere.map(\.name),
      rules.flatMap { settings($0) } + schedules.flatMap { settings($0) },
    ]
  }

  /// The page of the topic. Its JSON has the fields `topic`, `title`, `question`, `answer`,
  /// `formula`, `letters`, those of its tables and numbers, `exercises`, `mistakes`, `advice`,
  /// `recipe`, `reference`, and `previous` and `next` in the course.
  public static func page() throws -> Document {
    let place = Topics.all.firstIndex { $0.name == name } ?? 0
    let (before, after) = (Topics.all[..<place].last, Topics.all.dropFirst(place + 1).first)
    let onward = after.map { "Next: descent explain \($0.name), \($0.title)." }
    return Document(
      title,
      [.data([("topic", .text(name)), ("title", .text(title))])]
        + (try explanation().blocks(of: name))
        + [
          .paragraph(onward ?? "This was the last topic of the course."),
          .data([
            ("previous", before.map { .text($0.name) } ?? .null),
            ("next", after.map { .text($0.name) } ?? .null),
          ]),
        ])
  }
}

extension Explanation {
  /// The parts from top to bottom.
  ///
  /// - Parameter topic: what the places of the page are named after, so that several topics can stand
  ///   on one page.
  func blocks(of topic: String) -> [Document.Block] {
    func part(_ title: String, _ blocks: [Document.Block]) -> Document.Block {
      let section = Section(title, blocks)
      return .section(Section(title, id: "\(topic)-\(section.id)", blocks))
    }
    return [
      .paragraph(question, key: "question"),
      .paragraph(answer, key: "answer"),
      part(
        "The formula",
        [.preformatted(formula, key: "formula"), .paragraph(letters, key: "letters")]),
    ]
      + demonstrations.map { part($0.title, $0.blocks) }
      + [
        part(
          "Exercises",
          [
            .sections(
              exercises.enumerated().map { index, exercise in
                Section(
                  exercise.question, id: "\(topic)-exercise-\(index + 1)",
                  [.data([("question", .text(exercise.question))])] + exercise.answer)
              }, key: "exercises")
          ]),
        part(
          "What people get wrong",
          [
            .sections(
              mistakes.enumerated().map { index, mistake in
                Section(
                  mistake.belief, id: "\(topic)-mistake-\(index + 1)",
                  [
                    .data([("belief", .text(mistake.belief))]),
                    .paragraph(mistake.truth, key: "truth"),
                  ])
              }, key: "mistakes")
          ]),
        part(
          "In a recipe",
          [.paragraph(advice, key: "advice"), .preformatted(recipe, key: "recipe")]),
        part("Read on", [.paragraph(reference, key: "reference")]),
      ]
  }
}
