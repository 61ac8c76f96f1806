/// What a command, a report or a diagnosis has to say, made once and printed as text for a terminal,
/// as JSON or as HTML.
///
/// A block with a key becomes a field of the JSON; a block without one, a title or a caption is for
/// people only. A block with nothing in it is not printed, but keeps its field.
///
/// ```swift
/// let page = Document("Clipping", [
///   .paragraph("Most steps were clipped.", key: "verdict"),
///   .facts([Fact("clipped steps", .number(0.83), key: "clipped", style: .percent(0))]),
///   .section(Section("The norm over the run", [.figures([figure])])),
/// ])
/// print(page.text(width: 80))
/// print(page.json.text)  // {"verdict": "Most steps were clipped.", "clipped": 0.83}
/// try page.html().write(toFile: "clipping.html", atomically: true, encoding: .utf8)
/// ```
public struct Document: Sendable {
  /// Stands above everything; may be empty.
  public var title: String
  /// From top to bottom.
  public var blocks: [Block]

  /// A document.
  public init(_ title: String, _ blocks: [Block] = []) {
    (self.title, self.blocks) = (title, blocks)
  }

  /// A part of a document.
  public enum Block: Sendable {
    /// Prose. A line break in it stays one.
    case paragraph(String, key: String? = nil)
    /// Lines that keep their spaces and are never wrapped: formulas, commands.
    case preformatted(String, key: String? = nil)
    /// Sentences, one below another: an array in JSON.
    case list([String], ListStyle = .bullets, key: String? = nil)
    /// Names with one value each, aligned: each with a key is a field.
    case facts([Fact])
    /// A table: an array of objects in JSON.
    case table(Table)
    /// Figures, side by side where there is room: an array in JSON.
    case figures([Figure], key: String? = nil)
    /// Contour charts side by side whose paths a page plays.
    case motion(Motion)
    /// Small pictures of pixels, side by side: in JSON an array of labels and sizes.
    case pictures([Picture], key: String? = nil)
    /// An episode in drawings: in JSON its label and the steps of its frames.
    case film(Filmstrip, key: String? = nil)
    /// A part with a heading. With a key it is an object in JSON, without one its fields are those of
    /// what it stands in.
    case section(Section, key: String? = nil)
    /// Parts of one kind, findings or groups: an array of objects in JSON.
    case sections([Section], key: String? = nil)
    /// Fields that are for programs only.
    case data([(key: String, value: JSONValue)])
  }

  /// What a list is made of.
  public enum ListStyle: Sendable {
    case bullets
    /// Remarks.
    case notes
    /// What the reader should not miss.
    case warnings
  }
}

/// A part of a document with a heading.
public struct Section: Sendable {
  /// The heading.
  public var title: String
  /// What a ``Table/Cell/link(_:to:)`` leads to; by default the heading in lower case, with hyphens
  /// for whatever is no letter and no digit.
  public var id: String
  /// From top to bottom.
  public var blocks: [Document.Block]
  /// Whether a page shows only the heading until the reader opens it.
  public var isFolded = false

  /// A section.
  public init(
    _ title: String, id: String? = nil, isFolded: Bool = false, _ blocks: [Document.Block]
  ) {
    self.isFolded = isFolded
    let words = title.lowercased().split { !$0.isLetter && !$0.isNumber }
    (self.title, self.blocks) = (title, blocks)
    self.id = id ?? words.joined(separator: "-")
  }
}

extension Section {
  /// Whether there is nothing in it to print.
  var isEmpty: Bool { blocks.allSatisfy(\.isEmpty) }
}

extension Document.Block {
  /// Whether there is nothing in it to print.
  var isEmpty: Bool {
    switch self {
    case .paragraph(let text, _), .preformatted(let text, _): text.isEmpty
    case .list(let items, _, _): items.isEmpty
    case .facts(let facts): facts.isEmpty
    case .table(let table): table.rows.isEmpty && table.empty.isEmpty
    case .figures(let figures, _): figures.isEmpty
    case .motion(let motion): motion.charts.isEmpty
    case .pictures(let pictures, _): pictures.isEmpty
    case .film(let film, _): film.frames.isEmpty
    case .section(let section, _): section.isEmpty
    case .sections(let sections, _): sections.allSatisfy(\.isEmpty)
    case .data: true
    }
  }
}
