import DescentFiles

/// What stands before and behind the tokens of a text.
struct PostProcessor: Sendable, Equatable {
  /// The tokens before a text.
  private(set) var before: [Int32] = []
  /// The text, so often: a template may leave it out or say it twice.
  private(set) var repetitions = 1
  /// What stands behind each repetition.
  private(set) var after: [[Int32]] = [[]]

  private static let known = [
    "BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing",
  ]

  /// How many tokens are added to a text.
  var count: Int { before.count + after.reduce(0) { $0 + $1.count } }

  /// Adds them.
  func apply(to ids: inout [Int32]) {
    var result = before
    for index in 0..<repetitions { result += ids + after[index] }
    ids = result
  }

  /// The steps that a section describes, in their order.
  static func read(_ section: Section?) throws(Defect) -> [PostProcessor] {
    guard let section else { return [] }
    let type = try section.type()
    switch type {
    case "Sequence":
      var steps: [PostProcessor] = []
      for part in try section.sections("processors") { steps += try read(part) }
      return steps
    // It changes where tokens lie in the text, which nobody asks for here.
    case "ByteLevel": return []
    case "BertProcessing", "RobertaProcessing":
      var step = PostProcessor()
      step.before = [try tokenID(section, "cls")]
      step.after = [[try tokenID(section, "sep")]]
      return [step]
    case "TemplateProcessing": return [try template(section)]
    default: throw Defect(unknown: "post-processor", type, known: known)
    }
  }

  /// The id in `["[CLS]", 101]`.
  private static func tokenID(_ section: Section, _ key: String) throws(Defect) -> Int32 {
    guard case .array(let parts) = section.value(key), parts.count == 2,
      case .number(let text) = parts[1], let id = Int32(text), id >= 0
    else { throw Defect("“\(key)” of its post-processor is no token and its number") }
    return id
  }

  private static func template(_ section: Section) throws(Defect) -> PostProcessor {
    let tokens = try Section(section.value("special_tokens"), "post-processor")
    var step = PostProcessor()
    (step.repetitions, step.after) = (0, [])
    for part in try section.sections("single") {
      if let sequence = try Section(part.value("Sequence"), "post-processor") {
        if try sequence.text("id") != "A" { throw Defect("its template for one text needs two") }
        step.repetitions += 1
        step.after.append([])
        continue
      }
      guard let special = try Section(part.value("SpecialToken"), "post-processor") else {
        throw Defect("its template holds something other than Sequence and SpecialToken")
      }
      let name = try special.text("id")
      guard let token = try Section(tokens?.value(name), "post-processor"),
        case .array(let values) = token.value("ids")
      else { throw Defect("its template names the token “\(name)”, of which nothing else is said") }
      var ids: [Int32] = []
      for value in values {
        guard case .number(let text) = value, let id = Int32(text), id >= 0 else {
          throw Defect("the token “\(name)” of its template has a number that is none")
        }
        ids.append(id)
      }
      if step.repetitions == 0 {
        step.before += ids
      } else {
        step.after[step.repetitions - 1] += ids
      }
    }
    return step
  }
}
