import Descent
import Testing

@Suite("Settings") struct SettingTests {
  @Test(
    "defaults are the reference's",
    arguments: [
      (SGD.self as any Rule.Type, "lr=0.001 momentum=0 dampening=0 weight_decay=0 nesterov=false"),
      (AdaGrad.self, "lr=0.01 lr_decay=0 weight_decay=0 initial_accumulator_value=0 eps=1e-10"),
      (RMSprop.self, "lr=0.01 alpha=0.99 eps=1e-08 weight_decay=0 momentum=0 centered=false"),
      (Adam.self, "lr=0.001 betas=0.9,0.999 eps=1e-08 weight_decay=0"),
      (AdamW.self, "lr=0.001 betas=0.9,0.999 eps=1e-08 weight_decay=0.01 amsgrad=false"),
    ])
  func defaults(_ rule: any Rule.Type, _ expected: String) {
    let text = rule.init().resolved.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    #expect(text.hasPrefix(expected))
  }

  @Test("every setting reads back what it writes, and says what it means", arguments: Rules.names)
  func roundTrip(_ name: String) throws {
    func check<R: Rule>(_: R.Type) throws {
      let rule = R()
      let copy = try R(rule.resolved.map { ($0.name, $0.value.description) })
      #expect(copy.resolved.map(\.value) == rule.resolved.map(\.value))
      #expect(R.settings.allSatisfy { !$0.meaning.isEmpty && !$0.kind.isEmpty })
      #expect(Set(R.settings.map(\.name)).count == R.settings.count)
      #expect(!R.about.formula.isEmpty && !R.about.reference.isEmpty)
    }
    try check(Rules.named(name))
  }

  @Test(
    "a mistake is named with what was given and what is allowed",
    arguments: [
      ("lr", "-1", "lr=-1 is out of range: lr must be at least 0"),
      ("lr", "inf", "lr=inf is out of range: lr must be at least 0"),
      ("lr", "nan", "lr=nan cannot be read: lr takes a number, at least 0"),
      ("lr", "fast", "lr=fast cannot be read: lr takes a number, at least 0"),
      ("betas", "0.9,1", "betas=1 is out of range: betas must be from 0 and below 1"),
      ("betas", "0.9", "betas=0.9 cannot be read: betas takes 2 numbers"),
      ("amsgrad", "maybe", "amsgrad=maybe cannot be read: amsgrad takes true or false"),
      ("weigth_decay", "0", "adamw has no setting 'weigth_decay'; did you mean 'weight_decay'?"),
      ("zzz", "0", "adamw has no setting 'zzz'; it takes: lr, betas"),
    ])
  func mistakes(_ name: String, _ text: String, _ sentence: String) {
    let error = #expect(throws: SettingErrors.self) { try AdamW([(name, text)]) }
    #expect("\(error!)".hasPrefix(sentence), "\(error!)")
  }

  @Test("all mistakes are reported at once") func allAtOnce() {
    let error = #expect(throws: SettingErrors.self) {
      try AdamW([("lr", "-1"), ("eps", "x"), ("wd", "1")])
    }
    #expect(error?.errors.count == 3)
  }

  @Test(
    "numbers as people write them",
    arguments: [
      ("betas", "0.9, 0.95", "0.9,0.95"), ("betas", "(0.9,0.95)", "0.9,0.95"),
      ("lr", "3e-4", "0.0003"), ("amsgrad", "yes", "true"),
    ])
  func spellings(_ name: String, _ text: String, _ value: String) throws {
    let rule = try AdamW([(name, text)])
    #expect(rule.resolved.first { $0.name == name }?.value.description == value)
  }

  @Test("an unknown optimizer is told the nearest name") func unknownRule() {
    let error = #expect(throws: OptimizerError.self) { try Rules.named("adamW8") }
    #expect("\(error!)" == "there is no optimizer 'adamW8'; did you mean 'adamw'?")
  }
}
