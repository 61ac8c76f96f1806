public import Descent

/// The topics that `descent explain` knows, and their pages together.
public enum Topics {
  /// In the order of the course.
  public static let all: [any Topic.Type] = [
    MomentumTopic.self,
    NesterovTopic.self,
    RMSpropTopic.self,
    BiasCorrectionTopic.self,
    AdamWTopic.self,
    WarmupTopic.self,
    CosineTopic.self,
    ClippingTopic.self,
    MixedPrecisionTopic.self,
    EightBitStateTopic.self,
    AdafactorTopic.self,
    LionTopic.self,
    ProdigyTopic.self,
    ScheduleFreeTopic.self,
    SophiaTopic.self,
    ShampooTopic.self,
    MuonTopic.self,
    KFACTopic.self,
    LBFGSTopic.self,
    LoRATopic.self,
    MemoryTopic.self,
  ]

  /// The topic of a name or of another name for it, however it is written: `K-FAC`, `k_fac`.
  ///
  /// - Throws: for a name that there is not, with the nearest that there is.
  public static func named(_ name: String) throws(SettingErrors) -> any Topic.Type {
    let asked = plain(name)
    if let topic = all.first(where: { ([$0.name] + $0.aliases).map(plain).contains(asked) }) {
      return topic
    }
    let names = all.map { $0.name }
    throw SettingErrors([
      .noSuch(
        name: "topic", given: name, nearest: nearestName(to: name, among: names + aliases),
        valid: names)
    ])
  }

  private static var aliases: [String] { all.flatMap { $0.aliases } }

  /// A name without what people write differently.
  private static func plain(_ name: String) -> String {
    name.lowercased().filter { $0.isLetter || $0.isNumber }
  }

  /// The course: a line for each topic.
  public static func list() -> Document {
    Document(
      "Explanations, to be read in this order",
      [
        .table(
          Table(
            [.init("name", "topic"), .init("summary", "what it answers")], key: "topics",
            rows: all.map { [.text($0.name), .text($0.summary)] })),
        .paragraph(
          """
          descent explain TOPIC shows one; descent explain --html course.html writes all of them as \
          one page.
          """),
      ])
  }

  /// All topics on one page.
  public static func course() throws -> Document {
    Document(
      "Optimizers, explained",
      [
        .paragraph(
          """
          A course in \(counted(all.count, "part")). Each part answers a question; its numbers and \
          figures were computed when this page was made, by the optimizers that it is about.
          """),
        .sections(
          try all.map { topic in
            Section(
              topic.title, id: topic.name,
              [.data([("topic", .text(topic.name)), ("title", .text(topic.title))])]
                + (try topic.explanation().blocks(of: topic.name)))
          }, key: "topics"),
      ])
  }
}
