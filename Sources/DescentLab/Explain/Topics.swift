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

  /// The topic of a name, of another name for it, of a rule, a schedule or one of their settings,
  /// however it is written: `K-FAC`, `k_fac`. A setting of several leads to the first in the course.
  ///
  /// - Throws: for a name that there is not, with the nearest that there is.
  public static func named(_ name: String) throws(SettingErrors) -> any Topic.Type {
    let asked = plain(name)
    let known = all.map { $0.names }
    for level in 0..<3 {
      if let index = known.firstIndex(where: { $0[level].contains { plain($0) == asked } }) {
        return all[index]
      }
    }
    throw SettingErrors([
      .noSuch(
        name: "topic", given: name,
        nearest: nearestName(to: name, among: known.flatMap { $0.flatMap { $0 } }),
        valid: all.map { $0.name })
    ])
  }

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
          try all.enumerated().map { index, topic in
            let next = all.dropFirst(index + 1).first
            return Section(
              "\(index + 1). \(topic.title)", id: topic.name,
              [.data([("topic", .text(topic.name)), ("title", .text(topic.title))])]
                + (try topic.explanation().blocks(of: topic.name))
                + [
                  .facts(
                    (next.map { [Fact("next", .link("\(index + 2). \($0.title)", to: $0.name))] }
                      ?? []) + [Fact("back to", .link("the contents", to: "contents"))])
                ])
          }, key: "topics"),
      ])
  }
}
