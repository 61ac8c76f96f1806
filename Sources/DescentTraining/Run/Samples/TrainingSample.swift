import Foundation

/// What a model makes, for a person to look at: a line of `samples.jsonl`.
public enum TrainingSample: Sendable, Equatable {
  /// A text that a language model has written.
  case text(String)
  /// An image that the model has made, or an example that it takes for something else.
  case image(Image)
  /// An episode of an agent in its environment.
  case episode(Episode)

  /// A grey image and what is to be said of it.
  public struct Image: Sendable, Equatable {
    /// What it is and what the model read, with its probability: `3, read as 8 (93 % sure)`.
    public var label: String
    /// Pixels in a row.
    public var width: Int
    /// Rows.
    public var height: Int
    /// The grey of each pixel, row by row, from black 0 to white 255.
    public var pixels: [UInt8]
    /// Whether the model has made it, rather than read it wrongly.
    public var isMade: Bool

    /// An image.
    public init(label: String, width: Int, height: Int, pixels: [UInt8], isMade: Bool = false) {
      (self.label, self.pixels, self.isMade) = (label, pixels, isMade)
      (self.width, self.height) = (width, height)
    }
  }

  /// Its line after `step` steps, without the end.
  func line(after step: Int) -> String {
    let step: (key: String, value: MetricValue) = ("step", .integer(step))
    switch self {
    case .text(let text):
      return MetricValue.object([step, ("kind", .text("text")), ("text", .text(text))])
    case .image(let image):
      return MetricValue.object([
        step, ("kind", .text(image.isMade ? "made" : "image")), ("label", .text(image.label)),
        ("width", .integer(image.width)), ("height", .integer(image.height)),
        ("pixels", .list(image.pixels.map { .integer(Int($0)) })),
      ])
    case .episode(let episode): return MetricValue.object([step] + episode.fields)
    }
  }

  /// The samples in lines, with the steps done by then; lines that cannot be read are left out.
  package static func all(in lines: Data) -> [(step: Int, sample: TrainingSample)] {
    lines.split(separator: 0x0A).compactMap { line in
      guard let fields = try? JSONDecoder().decode([String: MetricValue].self, from: line),
        let step = fields["step"].flatMap({ Int($0) })
      else { return nil }
      return TrainingSample(fields).map { (step, $0) }
    }
  }

  private init?(_ line: [String: MetricValue]) {
    func text(_ key: String) -> String? { line[key].flatMap { String($0) } }
    func number(_ key: String) -> Int? { line[key].flatMap { Int($0) } }
    let kind = text("kind")
    switch kind {
    case "text":
      guard let text = text("text") else { return nil }
      self = .text(text)
    case "image", "made":
      guard let label = text("label"), let width = number("width"), let height = number("height"),
        case .list(let list)? = line["pixels"]
      else { return nil }
      let pixels = list.compactMap { Int($0).flatMap { UInt8(exactly: $0) } }
      guard width > 0, height > 0, width.times(height) == list.count, pixels.count == list.count
      else { return nil }
      self = .image(
        Image(label: label, width: width, height: height, pixels: pixels, isMade: kind == "made"))
    case "episode":
      guard let episode = Episode(line) else { return nil }
      self = .episode(episode)
    default: return nil
    }
  }
}

extension RunDirectory {
  /// `samples.jsonl`
  public var samplesFile: URL { url.appendingPathComponent("samples.jsonl") }

  /// What the model made during the run, with the steps done by then; lines that cannot be read are
  /// left out.
  public var samples: [(step: Int, sample: TrainingSample)] {
    (try? Data(contentsOf: samplesFile)).map(TrainingSample.all) ?? []
  }

  private var sampleLines: [Data] {
    ((try? Data(contentsOf: samplesFile)) ?? Data()).split(separator: 0x0A)
  }

  /// Adds samples made after `step` steps.
  func write(_ samples: [TrainingSample], after step: Int) throws(RunError) {
    guard !samples.isEmpty else { return }
    try write(sampleLines + samples.map { Data($0.line(after: step).utf8) })
  }

  /// Drops samples made after more than `step` steps.
  ///
  /// - Returns: what is wrong with the lines that are there, which stay: a sentence each.
  func dropSamples(after step: Int) throws(RunError) -> [String] {
    var (kept, defects): ([Data], [String]) = ([], [])
    let lines = sampleLines
    for (index, line) in lines.enumerated() {
      let fields = try? JSONDecoder().decode([String: MetricValue].self, from: line)
      let made = fields?["step"].flatMap { Int($0) }
      if let made, made > step { continue }
      kept.append(line)
      if made == nil {
        let path = samplesFile.relativePath
        defects.append("line \(index + 1) of \(path) cannot be read; it is left as it is")
      }
    }
    if kept.count < lines.count { try write(kept) }
    return defects
  }

  private func write(_ lines: [Data]) throws(RunError) {
    try write(lines.flatMap { $0 + [0x0A] }, to: samplesFile)
  }
}
