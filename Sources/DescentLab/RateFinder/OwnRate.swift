public import Descent

/// A rule that finds its learning rate itself, and what to read instead of a sweep.
public struct OwnRate: Sendable, Equatable {
  /// The value that `lr` should have; nil for none.
  public let rate: Double?
  /// What to do and to read, in plain sentences.
  public let note: String

  /// - Returns: nil for a rule that needs a learning rate.
  public init?(_ rule: any Rule) {
    let name = type(of: rule).name
    switch rule {
    case _ where rule.has("d0"):
      rate = 1
      let coefficient =
        rule.has("d_coef")
        ? " To train faster or more carefully, change d_coef (2 or 0.5), not lr." : ""
      note =
        "\(name) estimates its own learning rate while it trains, so there is nothing to look for: "
        + "leave lr at 1. What acts is d·lr, which the metrics have as lr, and d beside it.\(coefficient)"
    case _ where rule.has("relative_step") && rule.rate == nil:
      rate = nil
      note =
        "\(name) without lr takes steps relative to the size of the weights, which shrink as 1/√t: "
        + "there is nothing to look for. What acts is lr in the metrics. To give it a rate, set "
        + "optimizer.lr=1e-3 and optimizer.relative_step=false, and look for a better one"
    default: return nil
    }
  }
}

extension Rule {
  /// Whether it has a setting of this name.
  func has(_ setting: String) -> Bool { Self.settings.contains { $0.name == setting } }

  /// Its `lr`; nil where that is none.
  var rate: Double? {
    guard case .number(let rate) = resolved.first(where: { $0.name == "lr" })?.value else {
      return nil
    }
    return rate
  }

  /// The `lr` that it has by default.
  static var usualRate: Double? { Self().rate }
}
