import Foundation

/// A setting of an optimizer that follows from those of another: its value, between which values the
/// sources put it, by which rule of thumb, and why to doubt it.
public struct ConversionRule: Sendable {
  /// The setting: `lr`, `betas[1]`.
  public var setting: String
  /// What it becomes.
  public var value: Value
  /// The least and the largest value that the sources support; nil where they name one alone.
  public var range: ClosedRange<Double>?
  /// How it follows, in words.
  public var rule: String
  /// Who says so.
  public var source: String
  /// Why it may be wrong.
  public var doubt: String
  /// Whether lr times it stays, so that another lr of the range takes another value.
  public var keepsProduct = false

  /// A value of a setting.
  public enum Value: Sendable, Equatable {
    case number(Double)
    /// As it stands in a recipe: `true`, `match_rms_adamw`.
    case text(String)

    /// As it stands in a recipe.
    public var text: String {
      switch self {
      case .number(let x): "\(x)"
      case .text(let text): text
      }
    }
  }

  init(
    _ setting: String, _ value: Double, _ range: ClosedRange<Double>? = nil, rule: String,
    source: String, doubt: String
  ) {
    self.init(setting, .number(value), range, rule: rule, source: source, doubt: doubt)
  }

  init(
    _ setting: String, _ value: Value, _ range: ClosedRange<Double>? = nil, rule: String,
    source: String, doubt: String
  ) {
    (self.setting, self.value, self.range) = (setting, value, range)
    (self.rule, self.source, self.doubt) = (rule, source, doubt)
  }
}

/// A number with the range that it may be in, and what it was derived by.
struct Estimate {
  var value: Double
  var low: Double
  var high: Double
  /// The steps that led here, each with its source and its doubt.
  var steps: [Step] = []
  /// Whether lr times it stays.
  var keepsProduct = false

  struct Step {
    let rule: String
    let source: String
    let doubt: String
  }

  /// A number as it was given.
  init(_ value: Double) { (self.value, low, high) = (value, value, value) }

  /// The number times a factor that is known within a range.
  func times(
    _ factor: Double, _ range: ClosedRange<Double>, _ rule: String, source: String, doubt: String
  ) -> Estimate {
    var result = self
    result.value *= factor
    result.low *= range.lowerBound
    result.high *= range.upperBound
    result.steps.append(Step(rule: rule, source: source, doubt: doubt))
    return result
  }

  /// The same, where lr times it stays.
  var keepingProduct: Estimate {
    var result = self
    result.keepsProduct = true
    return result
  }

  /// The rule that it makes for a setting.
  func rule(_ setting: String) -> ConversionRule {
    let round = setting.contains("betas") ? roundedNearOne : { $0.rounded(digits: 4) }
    let (value, low, high) = (round(value), round(low), round(high))
    func joined(_ path: (Step) -> String) -> String {
      steps.map(path).filter { !$0.isEmpty }.uniqued(by: \.self).joined(separator: "; ")
    }
    var rule = ConversionRule(
      setting, value, low < high ? low...high : nil, rule: joined(\.rule),
      source: joined(\.source), doubt: joined(\.doubt))
    rule.keepsProduct = keepsProduct
    return rule
  }
}

/// A number below 1 with its distance from 1 to four digits.
private func roundedNearOne(_ x: Double) -> Double {
  guard x > 0.5, x < 1 else { return x.rounded(digits: 4) }
  let digits = 3 - Int(log10(1 - x).rounded(.down))
  return Double(String(format: "%.\(min(16, digits))f", x)) ?? x
}
