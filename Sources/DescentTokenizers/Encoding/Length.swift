import DescentFiles

/// How many tokens a text may have, and how many it must.
struct Length: Sendable {
  /// The most tokens, those that are added included.
  private(set) var longest: Int?
  private(set) var cutsLeft = false
  /// The least tokens, and a number that theirs must be a multiple of.
  private(set) var shortest = 0
  private(set) var multiple = 1
  private(set) var padsLeft = false
  private(set) var padding: Int32 = 0

  /// More would be asked for by mistake, or to fill the memory.
  private static let limit = 1 << 24

  init(truncation: Section?, padding section: Section?) throws(Defect) {
    if let truncation {
      guard let longest = try truncation.count("max_length") else {
        throw Defect("its truncation has no “max_length”")
      }
      if try truncation.optionalText("strategy") == "OnlySecond" {
        throw Defect("its truncation shortens the second of two texts alone")
      }
      self.longest = longest
      cutsLeft = try truncation.optionalText("direction") == "Left"
    }
    guard let section else { return }
    if let fixed = try Section(Self.object(section.value("strategy")), "padding") {
      shortest = try fixed.count("Fixed") ?? 0
    }
    multiple = max(1, try section.count("pad_to_multiple_of") ?? 1)
    padsLeft = try section.optionalText("direction") == "Left"
    guard let id = Int32(exactly: try section.count("pad_id") ?? 0) else {
      throw Defect("the “pad_id” of its padding is too large")
    }
    padding = id
    if shortest > Self.limit || multiple > Self.limit {
      throw Defect("its padding asks for more than \(Self.limit) tokens")
    }
  }

  private static func object(_ value: JSON?) -> JSON? {
    if case .object = value { value } else { nil }
  }

  /// Leaves out what is too much where `added` more tokens will come.
  func cut(_ ids: inout [Int32], added: Int) {
    guard let longest else { return }
    let excess = ids.count - max(0, longest - added)
    if excess <= 0 { return }
    if cutsLeft { ids.removeFirst(excess) } else { ids.removeLast(excess) }
  }

  /// Adds what is missing.
  func pad(_ ids: inout [Int32]) {
    var count = max(shortest, ids.count)
    if count % multiple > 0 { count += multiple - count % multiple }
    let missing = [Int32](repeating: padding, count: max(0, count - ids.count))
    if padsLeft { ids = missing + ids } else { ids += missing }
  }
}
