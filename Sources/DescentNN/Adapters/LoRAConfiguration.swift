extension LoRA {
  /// Which layers get an adapter, and how it begins.
  public struct Configuration: Sendable, Equatable {
    /// r, the rank of the maps; 8 by default, as in PEFT.
    public var rank = 8
    /// α, which with the rank makes the scale s; 8 by default, as in PEFT.
    public var alpha = 8.0
    /// Whether s is α/√r, and not α/r.
    public var isRankStabilized = false
    /// The dropout of what goes into A.
    public var dropout = 0.0
    /// The layers; nil takes the projections of queries and values, as PEFT does for the families here.
    public var targets: AdapterTargets?
    /// The first values.
    public var initialization = Initialization.kaiming

    /// PEFT's defaults.
    public init() {}

    /// s.
    public var scale: Double {
      alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank))
    }
  }

  /// The first values of A and B, with which the model gives what it gave. B is 0 where nothing else is
  /// said.
  public enum Initialization: String, Sendable, CaseIterable {
    /// A is uniform in ±1/√inputs, PEFT's default (Kaiming with a = √5).
    case kaiming
    /// A is drawn from N(0, 1/r²).
    case normal = "gaussian"
    /// A and B end and begin with rows of an orthogonal matrix, so that B·A = 0; the rank is even.
    case orthogonal
    /// A and B are the largest singular parts of the weight, which keeps the rest. Meng, Wang, Zhang,
    /// 2024, arXiv:2404.02948.
    case pissa
  }
}

/// Layers by their names, as PEFT's `target_modules`: names such as `q_proj`, each for all layers whose
/// path ends with it; `all-linear` for all linear layers but the output; or one regular expression for
/// the whole path.
public struct AdapterTargets: Sendable, Equatable, LosslessStringConvertible {
  /// As it was given.
  public let description: String

  /// The layers with one of these names.
  public init(names: [String]) { description = names.joined(separator: ",") }

  /// Names with commas between, `all-linear`, or a regular expression; nil for one that is none, or for
  /// nothing.
  public init?(_ text: String) {
    let text = text.filter { $0 != " " }
    description = text
    if text.isEmpty || isPattern && (try? Regex(text)) == nil { return nil }
  }

  /// What takes all linear layers.
  public static let allLinear = AdapterTargets(names: ["all-linear"])

  /// The names, unless it is a pattern.
  var names: [String]? { isPattern ? nil : description.split(separator: ",").map(String.init) }

  // Paths of modules have neither of these but the dot and the hyphen.
  private var isPattern: Bool { description.contains { "\\^$*+?()[]{}|".contains($0) } }

  /// Which of some paths of linear layers are meant.
  func matches(_ paths: [String], head: String?) -> [String] {
    if description == Self.allLinear.description { return paths.filter { $0 != head } }
    if let names {
      return paths.filter { path in names.contains { path == $0 || path.hasSuffix("." + $0) } }
    }
    guard let regex = try? Regex(description) else { return [] }
    return paths.filter { $0.wholeMatch(of: regex) != nil }
  }
}

/// Why adapters cannot be made or read.
public enum AdapterError: Error, Equatable, CustomStringConvertible {
  /// No linear layer of the model is meant.
  case nothingMatches(targets: String, layers: [String])
  /// An initialization that the layers do not allow.
  case impossibleStart(layer: String, problem: String)
  /// A file of an adapter is missing.
  case missing(path: String, advice: String)
  /// A file of an adapter is not what its format asks for, or asks for what is not supported.
  case malformed(path: String, problem: String)
  /// The adapter was made for another model.
  case otherModel(path: String, problem: String)
  /// Merged weights do not give what the adapter gave.
  case mergeDiffers(layer: String, difference: Float)

  /// Whether a file does not exist, rather than holding what is wrong.
  public var isMissingFile: Bool { if case .missing = self { true } else { false } }

  /// What is wrong and what to do, in a sentence.
  public var description: String {
    switch self {
    case .nothingMatches(let targets, let layers):
      "no linear layer of the model matches adapter.targets=\(targets); its layers are called "
        + "\(layers.joined(separator: ", "))."
    case .impossibleStart(let layer, let problem):
      "the adapter of \(layer) cannot begin: \(problem)."
    case .missing(let path, let advice): "there is no \(path); \(advice)."
    case .malformed(let path, let problem): "\(path): \(problem)."
    case .otherModel(let path, let problem):
      "the adapter \(path) was made for another model: \(problem)."
    case .mergeDiffers(let layer, let difference):
      "the merged weight of \(layer) gives other results than its adapter, by a share of "
        + "\(difference); its numbers are too far apart to be added in float32."
    }
  }
}
