/// All schedules, by name.
public enum Schedules {
  /// Every schedule, simplest first, those that only torch or Hugging Face has last.
  public static let all: [any Schedule.Type] = [
    Constant.self, LinearWarmup.self, LinearDecay.self, Cosine.self, CosineRestarts.self,
    PolynomialDecay.self, ReflectedExponential.self, InverseSquareRoot.self, Noam.self,
    WarmupStableDecay.self,
    StepDecay.self, MultiStepDecay.self, ExponentialDecay.self,
    OneCycle.self, Cyclic.self,
    ReduceOnPlateau.self, GreedySchedule.self,
    ScheduleSequence.self, ScheduleProduct.self,
    TorchConstant.self, TorchLinear.self, CosineAnnealing.self, WarmRestarts.self, SWA.self,
    CosineWarmupWithMinimum.self,
  ]

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// The schedule called `name`, here, in torch or at Hugging Face, with settings under the names
  /// that it has there. A name that Descent and Hugging Face share (`cosine`) is Hugging Face's when
  /// a setting has Hugging Face's name (`num_warmup_steps`).
  ///
  /// - Throws: for an unknown name, and everything that is wrong with the settings, at once.
  public static func make(
    _ name: String, _ settings: [(name: String, text: String)] = []
  ) throws(SettingErrors) -> any Schedule {
    func make<S: Schedule>(_: S.Type) throws(SettingErrors) -> any Schedule { try S(settings) }
    let own = all.first { $0.name == name }
    if let alias = ScheduleAlias.all.first(where: { $0.name == name }),
      own == nil || alias.claims(settings)
    {
      return try alias.make(settings)
    }
    if let own { return try make(own) }
    if ScheduleAlias.functions.contains(name) {
      throw SettingErrors([
        .contradiction(
          "\(name) takes a function, which only code can give: use Lambda { t, base in ... } in Swift"
        )
      ])
    }
    let known = names + ScheduleAlias.all.map(\.name)
    let hint = hint(nearestName(to: name, among: known), names)
    throw SettingErrors([.contradiction("there is no schedule '\(quotable(name))'; \(hint)")])
  }

  /// The names under which torch and Hugging Face know the schedule called `name`.
  public static func aliases(of name: String) -> [ScheduleAlias] {
    ScheduleAlias.all.filter { $0.schedule.name == name }
  }
}
