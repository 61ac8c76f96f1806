/// A value made of declared settings: a rule, a schedule, a model, a part of a recipe.
public protocol Configurable: Sendable {
  /// The value with every default.
  init()
  /// The name in recipes and on the command line, lower case.
  static var name: String { get }
  /// The settings in the order in which help shows them.
  static var settings: [Setting<Self>] { get }
  /// Throws when settings that are valid one by one contradict each other.
  func validate() throws(SettingError)
}

/// A setting by name with its value as text, as recipes, `--set` and other languages give it.
public typealias SettingText = (name: String, text: String)

extension Configurable {
  /// The value with every default: what convenience initializers take theirs from.
  public static var defaults: Self { Self() }

  /// Nothing to contradict.
  public func validate() throws(SettingError) {}

  /// The defaults, changed by `changes` (setting name and text).
  ///
  /// - Throws: every unknown name, unreadable or out-of-range value and contradiction at once.
  public init(_ changes: [(name: String, text: String)]) throws(SettingErrors) {
    self.init()
    try apply(changes)
  }

  /// Changes settings by name.
  ///
  /// - Throws: every unknown name, unreadable or out-of-range value and contradiction at once.
  public mutating func apply(_ changes: [(name: String, text: String)]) throws(SettingErrors) {
    var errors = assign(changes)
    if errors.isEmpty {
      do throws(SettingError) { try validate() } catch { errors.append(error) }
    }
    if !errors.isEmpty { throw SettingErrors(errors) }
  }

  /// Changes settings by name, whether or not they contradict each other.
  ///
  /// - Returns: every unknown name and unreadable or out-of-range value.
  mutating func assign(_ changes: [(name: String, text: String)]) -> [SettingError] {
    var errors: [SettingError] = []
    let settings = Dictionary(
      Self.settings.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (name, text) in changes {
      do throws(SettingError) {
        let setting = if let known = settings[name] { known } else { try Self.setting(name) }
        try setting.set(text, in: &self)
      } catch { errors.append(error) }
    }
    return errors
  }

  /// The setting called `name`.
  ///
  /// - Throws: ``SettingError/unknown(name:owner:nearest:valid:)``.
  public static func setting(_ name: String) throws(SettingError) -> Setting<Self> {
    let settings = Self.settings
    guard let setting = settings.first(where: { $0.name == name }) else {
      let names = settings.map(\.name)
      throw .unknown(
        name: name, owner: Self.name, nearest: nearestName(to: name, among: names), valid: names)
    }
    return setting
  }

  /// Every setting with its present value, in declared order.
  public var resolved: [(name: String, value: SettingValue)] {
    Self.settings.map { ($0.name, $0.value(self)) }
  }

  /// Takes this type's own settings out of a list that holds others too.
  public static func split<Value>(
    _ changes: [(name: String, text: Value)]
  ) -> (own: [(name: String, text: Value)], others: [(name: String, text: Value)]) {
    let names = settings.map(\.name)
    return (changes.filter { names.contains($0.name) }, changes.filter { !names.contains($0.name) })
  }

  /// The settings that do not have their default.
  public var changes: [(name: String, value: SettingValue)] {
    zip(resolved, Self().resolved).filter { $0.value != $1.value }.map { $0.0 }
  }

  /// Throws the first setting whose present value its own declaration would refuse, or a
  /// contradiction: for values that were set in code and not by name.
  public func check() throws(SettingErrors) {
    var copy = self
    try copy.apply(resolved.map { ($0.name, $0.value.description) })
  }
}
