import Descent
public import DescentTraining
import Foundation

/// What a plan of memory compares, and what it must fit.
public struct MemoryOptions: Sendable {
  /// The optimizers to compare, `sgd(momentum=0.9)` with settings; empty is all.
  public var optimizers: [RaceOptimizer] = []
  /// The bytes that must suffice; nil is this machine's memory.
  public var limit: Int?
  /// Adapters, which alone are trained.
  public var adapters: LowRankAdapters?
  /// How many devices share the training, each with its own part of the batch.
  public var ranks = 1
  /// What the devices share (ZeRO).
  public var sharing = Sharing.nothing
  /// What lies in the memory of the host instead of the device's.
  public var offload = Offload.nothing
  /// Whether each block keeps only its input for the backward pass (gradient checkpointing).
  public var recomputes = false
  /// Whether each gradient is used and freed as soon as it is complete.
  public var releasesGradients = false

  /// What all are compared with.
  public init() {}

  /// What devices that train together keep only a part of each.
  ///
  /// Rajbhandari et al.: ZeRO: Memory Optimizations Toward Training Trillion Parameter Models, 2020,
  /// arXiv:1910.02054
  public enum Sharing: Int, Sendable, CaseIterable {
    case nothing = 0
    /// State and master copies.
    case state = 1
    /// Also gradients.
    case gradients = 2
    /// Also weights.
    case weights = 3
  }

  /// What lies in the memory of the host.
  public enum Offload: String, Sendable, CaseIterable {
    case nothing = "none"
    /// State and master copies, where the update is computed.
    case state
    /// Also weights, which come to the device tensor by tensor.
    case all
  }

  /// Takes `--ranks` and `--zero`.
  ///
  /// - Throws: that a number is out of range, or that there is nothing to share.
  public mutating func share(ranks: Int, stage: Int?) throws(RecipeError) {
    guard 1...1_000_000 ~= ranks else {
      throw RecipeError(problems: ["--ranks must be from 1 to 1,000,000 devices"])
    }
    guard let sharing = Sharing(rawValue: stage ?? 0) else {
      throw RecipeError(problems: [
        "--zero must be 1 (share the optimizer's state), 2 (also gradients) or 3 (also weights)"
      ])
    }
    if ranks == 1, sharing != .nothing {
      throw RecipeError(problems: [
        "--zero shares memory among devices: say how many with --ranks, such as --ranks 8"
      ])
    }
    (self.ranks, self.sharing) = (ranks, sharing)
  }

  /// The bytes of a size such as `24G`, `24GB`, `24GiB` or `800M`; G, M and T are decimal, as their
  /// forms with B.
  ///
  /// - Throws: a sentence for what is no size.
  public static func bytes(_ text: String, of option: String) throws(RecipeError) -> Int {
    let units: [(String, Double)] = [
      ("tib", 0x1p40), ("gib", 0x1p30), ("mib", 0x1p20), ("kib", 0x1p10), ("ti", 0x1p40),
      ("gi", 0x1p30), ("mi", 0x1p20), ("ki", 0x1p10), ("tb", 1e12), ("gb", 1e9), ("mb", 1e6),
      ("kb", 1e3), ("t", 1e12), ("g", 1e9), ("m", 1e6), ("k", 1e3), ("b", 1),
    ]
    let lower = text.lowercased().filter { $0 != " " }
    let unit = units.first { lower.hasSuffix($0.0) }
    let digits = lower.dropLast(unit?.0.count ?? 0)
    guard digits.first?.isNumber == true || digits.first == ".", !digits.contains("x"),
      let number = Double(digits), case let bytes = (number * (unit?.1 ?? 1)).rounded(),
      bytes >= 1, bytes <= 1e18
    else {
      throw RecipeError(problems: [
        "\(option) \(quotable(text)) is not an amount of memory: give one such as 24G, 24GiB or 800M"
      ])
    }
    return Int(bytes)
  }
}

/// How weights are kept.
public enum WeightFormat: String, Sendable, CaseIterable {
  case float32
  /// bfloat16 beside a float32 master copy.
  case bf16Master = "bf16+master"
  /// bfloat16 with what rounding lost, in bfloat16 too.
  case bf16Kahan = "bf16+kahan"
  /// bfloat16, rounded at random.
  case bf16

  /// Most precise first.
  var loss: Int { self == .float32 ? 0 : self == .bf16 ? 2 : 1 }

  /// What a plan says of it.
  var storage: WeightStorage {
    switch self {
    case .float32: .float32
    case .bf16Master: .bfloat16(.master)
    case .bf16Kahan: .bfloat16(.kahan)
    case .bf16: .bfloat16(.stochastic)
    }
  }

  /// That of a plan.
  init(_ storage: WeightStorage) {
    self =
      switch (storage.format, storage.rounding) {
      case (.float32, _): .float32
      case (.bf16, .master): .bf16Master
      case (.bf16, .kahan): .bf16Kahan
      case (.bf16, _): .bf16
      }
  }
}
