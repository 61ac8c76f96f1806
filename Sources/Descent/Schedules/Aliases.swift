/// A name under which torch or Hugging Face knows a schedule, with its parameters' names there.
public struct ScheduleAlias: Sendable {
  /// The library.
  public let library: String
  /// The name there.
  public let name: String
  /// The schedule here.
  public let schedule: any Schedule.Type
  /// The names of parameters, there and here.
  let parameters: [(theirs: String, ours: String)]
  /// Where the curve there differs from the defaults here.
  let defaults: [(name: String, text: String)]
  /// What is accepted there and has no effect.
  let ignored: [String]

  /// The whole table.
  public static let all: [ScheduleAlias] = [
    torch("StepLR", StepDecay.self),
    torch("MultiStepLR", MultiStepDecay.self),
    torch("ExponentialLR", ExponentialDecay.self),
    torch(
      "PolynomialLR", PolynomialDecay.self, [("total_iters", "total"), same("power")],
      defaults: [("total", "5")]),
    torch("CyclicLR", Cyclic.self),
    torch("OneCycleLR", OneCycle.self),
    torch("ReduceLROnPlateau", ReduceOnPlateau.self),
    torch("SequentialLR", ScheduleSequence.self, [("schedulers", "parts"), same("milestones")]),
    torch("ChainedScheduler", ScheduleProduct.self, [("schedulers", "parts")]),

    huggingFace("constant", Constant.self, []),
    huggingFace("constant_with_warmup", LinearWarmup.self, [W], defaults: [("warmup", "0"), zero]),
    huggingFace("linear", LinearDecay.self, [W, T], defaults: [zero]),
    huggingFace("cosine", Cosine.self, [W, T, c], defaults: [zero]),
    huggingFace(
      "cosine_with_min_lr", Cosine.self,
      [W, T, c, ("min_lr", "floor"), ("min_lr_rate", "floor_ratio")], defaults: [zero]),
    huggingFace(
      "cosine_with_restarts", CosineRestarts.self, [W, T, c], defaults: [zero, ("cycles", "1")]),
    huggingFace(
      "polynomial", PolynomialDecay.self, [W, T, same("power"), ("lr_end", "floor")],
      defaults: [zero, ("floor", "1e-7")]),
    huggingFace("inverse_sqrt", InverseSquareRoot.self, [W, same("timescale")], defaults: [zero]),
    huggingFace(
      "warmup_stable_decay", WarmupStableDecay.self,
      [
        W, T, c, ("num_decay_steps", "decay"), ("num_stable_steps", "stable"),
        ("min_lr_ratio", "floor_ratio"), ("warmup_type", "warmup_shape"),
        ("decay_type", "decay_shape"),
      ], defaults: [zero]),
    huggingFace("reduce_lr_on_plateau", ReduceOnPlateau.self),
    huggingFace("greedy", GreedySchedule.self),
  ]

  /// What torch makes of functions, which no recipe can hold.
  static let functions = ["LambdaLR", "MultiplicativeLR"]

  private static let W = (theirs: "num_warmup_steps", ours: "warmup")
  private static let T = (theirs: "num_training_steps", ours: "total")
  private static let c = (theirs: "num_cycles", ours: "cycles")
  private static let zero = (name: "warmup_start", text: "zero")

  private static func same(_ name: String) -> (theirs: String, ours: String) { (name, name) }

  /// Without a list, all parameters have the same names.
  private static func torch<S: Schedule>(
    _ name: String, _ schedule: S.Type, _ parameters: [(theirs: String, ours: String)]? = nil,
    defaults: [(name: String, text: String)] = []
  ) -> ScheduleAlias {
    ScheduleAlias(
      library: "torch", name: name, schedule: schedule,
      parameters: parameters ?? S.settings.map { same($0.name) }, defaults: defaults, ignored: [])
  }

  /// get_scheduler takes the numbers of steps for every name, and ignores them for some.
  private static func huggingFace<S: Schedule>(
    _ name: String, _ schedule: S.Type, _ parameters: [(theirs: String, ours: String)]? = nil,
    defaults: [(name: String, text: String)] = []
  ) -> ScheduleAlias {
    let parameters = parameters ?? S.settings.map { same($0.name) }
    let ignored = [W, T].map(\.theirs).filter { name in
      !parameters.contains { $0.theirs == name }
    }
    return ScheduleAlias(
      library: "Hugging Face", name: name, schedule: schedule, parameters: parameters,
      defaults: defaults, ignored: ignored)
  }

  /// The names of the parameters there.
  public var settingNames: [String] { parameters.map(\.theirs) }

  /// Whether some setting has a name that it only has there.
  func claims(_ settings: [(name: String, text: String)]) -> Bool {
    settings.contains { setting in
      ignored.contains(setting.name)
        || parameters.contains { $0.theirs == setting.name && $0.ours != setting.name }
    }
  }

  /// The schedule with settings under their names there.
  func make(_ settings: [(name: String, text: String)]) throws(SettingErrors) -> any Schedule {
    let valid = parameters.map(\.theirs) + ignored
    var errors: [SettingError] = []
    var translated = defaults.filter { fixed in
      !settings.contains { ours($0.name) == fixed.name }
    }
    for (name, text) in settings where !ignored.contains(name) {
      if valid.contains(name) {
        translated.append((ours(name), text))
      } else {
        let nearest = nearestName(to: name, among: valid)
        errors.append(.unknown(name: name, owner: self.name, nearest: nearest, valid: valid))
      }
    }
    func make<S: Schedule>(_: S.Type) throws(SettingErrors) -> any Schedule { try S(translated) }
    do throws(SettingErrors) {
      let made = try make(schedule)
      if errors.isEmpty { return made }
    } catch { errors += error.errors.map(inTheirNames) }
    throw SettingErrors(errors)
  }

  private func ours(_ name: String) -> String {
    parameters.first { $0.theirs == name }?.ours ?? name
  }

  private func inTheirNames(_ error: SettingError) -> SettingError {
    func theirs(_ name: String) -> String { parameters.first { $0.ours == name }?.theirs ?? name }
    switch error {
    case .unreadable(let name, let given, let expected):
      return .unreadable(name: theirs(name), given: given, expected: expected)
    case .outOfRange(let name, let given, let allowed):
      return .outOfRange(name: theirs(name), given: given, allowed: allowed)
    case .contradiction(let sentence):
      return .contradiction(
        parameters.reduce(sentence) { $0.replacing("\($1.ours)=", with: "\($1.theirs)=") })
    case .unknown, .missing, .noSuch: return error
    }
  }
}
