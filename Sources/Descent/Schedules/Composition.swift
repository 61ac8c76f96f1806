/// One schedule after another, each from its beginning.
///
/// ```
/// η(t) = partᵢ(t − mᵢ) while mᵢ ≤ t < mᵢ₊₁,  m₀ = 0
/// ```
public struct ScheduleSequence: CompositeSchedule {
  /// The schedules, in order.
  public var parts: [any Schedule] = []
  /// The step at which each part but the first begins.
  public var milestones: [Int] = []

  public static let name = "sequence"
  public static let settings: [Setting<ScheduleSequence>] = [
    .schedules("parts", \.parts, "the schedules, in order"),
    .integers(
      "milestones", \.milestones, .atLeast(1), "the steps at which all but the first begin"),
  ]
  public static let about = About(
    summary: "one schedule after another, each from its beginning",
    formula: "η(t) = partᵢ(t − mᵢ) while mᵢ ≤ t < mᵢ₊₁,  m₀ = 0",
    differences: """
      As torch's SequentialLR. A part that is as long as the run (total: none) becomes as long as \
      its turn. All parts have the same base: none continues from the value before it.
      """,
    reference: "torch: SequentialLR; optax: join_schedules")

  public init() {}

  /// `parts`, each but the first beginning at its milestone.
  public init(_ parts: [any Schedule], milestones: [Int]) {
    (self.parts, self.milestones) = (parts, milestones)
  }

  public func validate() throws(SettingError) {
    try checkParts(parts)
    guard milestones.count == parts.count - 1 else {
      throw .contradiction(
        milestones.isEmpty || parts.count > 1
          ? "\(counted(parts.count, "part")) need \(counted(parts.count - 1, "milestone")), the "
            + "steps at which all but the first begin; there "
            + (milestones.count == 1 ? "is 1" : "are \(milestones.count)")
          : "1 part needs no milestones, the steps at which all but the first begin: leave them out"
      )
    }
    try checkAscending(milestones, strictly: true)
  }

  public mutating func fit(totalSteps: Int) {
    let ends = milestones + [max(totalSteps, (milestones.last ?? 0) + 1)]
    for (index, start) in starts.enumerated() {
      parts[index].fit(totalSteps: ends[index] - start)
    }
  }

  public var warmupEnd: Int {
    min(parts.first?.warmupEnd ?? 0, milestones.first ?? .max)
  }
  public var end: Int? { parts.last?.end.map { $0 + (milestones.last ?? 0) } }
  public var settles: Int? { parts.last?.settles.map { $0 + (milestones.last ?? 0) } }

  public func objection(base: Double) -> ScheduleObjection? {
    parts.lazy.compactMap { $0.objection(base: base) }.first
  }

  public var momentum: (any Schedule)? {
    let curves = parts.map(\.momentum)
    guard curves.contains(where: { $0 != nil }) else { return nil }
    return ScheduleSequence(curves.map { $0 ?? Constant() }, milestones: milestones)
  }

  public func value(at step: Int, base: Double) -> Double {
    let turn = passed(milestones, at: step)
    return parts[turn].value(at: step - (turn == 0 ? 0 : milestones[turn - 1]), base: base)
  }

  private var starts: [Int] { [0] + milestones }
}

/// Several schedules at once: each takes the value of the one before it as its base.
///
/// ```
/// η(t) = partₙ(t, … part₂(t, part₁(t, η)))
/// ```
public struct ScheduleProduct: CompositeSchedule {
  /// The factors.
  public var parts: [any Schedule] = []

  public static let name = "product"
  public static let settings: [Setting<ScheduleProduct>] = [
    .schedules("parts", \.parts, "the schedules; each has the value of the one before as its base")
  ]
  public static let about = About(
    summary: "several schedules at once, multiplied",
    formula: "η(t) = partₙ(t, … part₂(t, part₁(t, η)))",
    differences: """
      As torch's ChainedScheduler. A part with values of its own (onecycle with max_lr) replaces \
      what came before it.
      """,
    reference: "torch: ChainedScheduler")

  public init() {}

  /// All of `parts` at once.
  public init(_ parts: [any Schedule]) { self.parts = parts }

  public func validate() throws(SettingError) { try checkParts(parts) }

  public mutating func fit(totalSteps: Int) {
    for index in parts.indices { parts[index].fit(totalSteps: totalSteps) }
  }

  public var warmupEnd: Int { parts.map(\.warmupEnd).max() ?? 0 }
  public var end: Int? { parts.compactMap(\.end).max() }
  public var settles: Int? {
    let ends = parts.map(\.settles)
    return ends.contains(nil) ? nil : ends.compactMap(\.self).max()
  }

  public var ownPeak: (setting: String, value: Double)? { parts.lazy.compactMap(\.ownPeak).last }

  public func objection(base: Double) -> ScheduleObjection? {
    var base = base
    for part in parts {
      if let objection = part.objection(base: base) { return objection }
      base = part.ownPeak?.value ?? base
    }
    return nil
  }
  public var momentum: (any Schedule)? { parts.lazy.compactMap(\.momentum).last }

  public func value(at step: Int, base: Double) -> Double {
    parts.reduce(base) { $1.value(at: step, base: $0) }
  }
}

/// Throws when there are no parts, or some that follow a metric.
private func checkParts(_ parts: [any Schedule]) throws(SettingError) {
  if parts.isEmpty {
    throw .contradiction("parts is empty: give schedules, such as warmup(warmup=100),cosine")
  }
  if let part = parts.first(where: { $0 is any MetricSchedule }) {
    throw .contradiction(
      "\(type(of: part).name) follows a metric, so it cannot be part of another schedule")
  }
}

extension Setting {
  /// A list of schedules, written `name=warmup(warmup=100),cosine(floor_ratio=0.1)`.
  static func schedules(
    _ name: String, _ path: SettingPath<Root, [any Schedule]>, _ meaning: String
  ) -> Setting {
    let kind =
      "schedules, such as warmup(warmup=100),cosine(floor_ratio=0.1), at most "
      + "\(SettingSection.mostNested) within and \(SettingSection.mostListed) beside one another"
    return .custom(
      name, kind: kind, meaning,
      value: { root in .sections(root[keyPath: path].map(SettingSection.init)) },
      assign: { (root, text) throws(SettingError) in
        guard let sections = SettingSection.list(text) else {
          throw .unreadable(name: name, given: text, expected: kind)
        }
        var parts: [any Schedule] = []
        for (number, section) in sections.enumerated() {
          do throws(SettingErrors) {
            parts.append(try Schedules.make(section.name, section.texts))
          } catch {
            let sentences = error.errors.map(\.description).joined(separator: "; ")
            throw .contradiction(
              "part \(number + 1) of \(name), \(quotable(section.name)): \(sentences)")
          }
        }
        root[keyPath: path] = parts
      })
  }
}

extension SettingSection {
  /// A schedule as it stands in a recipe.
  public init(_ schedule: any Schedule) {
    self.init(type(of: schedule).name, schedule.resolved)
  }
}
