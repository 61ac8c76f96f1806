extension Document {
  /// All that has a key, in the order of the document.
  public var json: JSONValue { .object(Self.fields(of: blocks)) }

  private typealias Field = (key: String, value: JSONValue)

  private static func fields(of blocks: [Block]) -> [Field] {
    let fields = blocks.flatMap(fields)
    assert(Set(fields.map(\.key)).count == fields.count, "two blocks have one key")
    return fields
  }

  private static func fields(of block: Block) -> [Field] {
    func field(_ key: String?, _ value: JSONValue) -> [Field] { key.map { [($0, value)] } ?? [] }
    switch block {
    case .paragraph(let text, let key), .preformatted(let text, let key):
      return field(key, .text(text))
    case .list(let items, _, let key): return field(key, .array(items.map(JSONValue.text)))
    case .facts(let facts): return facts.flatMap { field($0.key, $0.value.json) }
    case .table(let table): return field(table.key, .array(table.rows.map(table.json)))
    case .figures(let figures, let key): return field(key, .array(figures.map(\.json)))
    case .pictures(let pictures, let key): return field(key, .array(pictures.map(\.json)))
    case .film(let film, let key): return field(key, film.json)
    case .section(let section, let key):
      let inner = fields(of: section.blocks)
      return key.map { [($0, .object(inner))] } ?? inner
    case .sections(let sections, let key):
      return field(key, .array(sections.map { .object(fields(of: $0.blocks)) }))
    case .motion: return []
    case .data(let fields): return fields
    }
  }
}

extension Table {
  /// A row as an object, its fields in the order of the columns.
  public func json(_ row: [Cell]) -> JSONValue {
    .object(zip(columns, row).map { ($0.key, $1.json) })
  }
}
