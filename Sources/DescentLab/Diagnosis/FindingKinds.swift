public import Descent

/// The kinds of findings, with their thresholds.
public struct FindingKinds: Sendable {
  /// Every kind but `healthy`, which is what is left where nothing is found.
  public static let all: [any FindingKind.Type] = [
    NonFinite.self, Diverged.self, Float16Overflow.self, UpdatesLost.self, TensorsNotMoving.self,
    DStuck.self, DStillRising.self, ResumeJump.self, ScheduleEndedEarly.self, ScheduleCutOff.self,
    RateNotLogged.self, ClipTooTight.self, RateTooHigh.self, WarmupTooShort.self, LossSpikes.self,
    Overfitting.self, EpochSawtooth.self, RateTooLow.self, Plateau.self, ClipIdle.self,
  ]

  /// The kinds, in the order of ``all``, with the thresholds to use.
  public private(set) var kinds: [any FindingKind]

  /// The kinds with their default thresholds.
  public init() { kinds = Self.all.map { $0.init() } }

  /// The kinds with changed thresholds, each `kind.threshold=value`.
  ///
  /// - Throws: every unknown kind, unknown threshold and bad value at once.
  public init(_ changes: [(name: String, text: String)]) throws(SettingErrors) {
    self.init()
    var errors: [SettingError] = []
    for (name, text) in changes {
      let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
      guard let index = Self.all.firstIndex(where: { $0.name == parts.first }) else {
        let names = Self.all.map { $0.name }
        errors.append(
          .noSuch(
            name: "the kind of finding", given: parts.first ?? name,
            nearest: nearestName(to: parts.first ?? name, among: names), valid: names))
        continue
      }
      do throws(SettingErrors) {
        kinds[index] = try Self.changed(kinds[index], parts.count > 1 ? parts[1] : "", text)
      } catch { errors += error.errors.map { Self.named($0, parts[0]) } }
    }
    if !errors.isEmpty { throw SettingErrors(errors) }
  }

  private static func changed<Kind: FindingKind>(
    _ kind: Kind, _ name: String, _ text: String
  ) throws(SettingErrors) -> any FindingKind {
    var kind = kind
    try kind.apply([(name, text)])
    return kind
  }

  private static func named(_ error: SettingError, _ kind: String) -> SettingError {
    switch error {
    case .unreadable(let name, let given, let expected):
      .unreadable(name: "\(kind).\(name)", given: given, expected: expected)
    case .outOfRange(let name, let given, let allowed):
      .outOfRange(name: "\(kind).\(name)", given: given, allowed: allowed)
    default: error
    }
  }
}
