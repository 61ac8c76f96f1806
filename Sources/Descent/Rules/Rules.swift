/// All rules, by name: what recipes, the command line and the documentation list.
public enum Rules {
  /// Every rule, simplest first.
  public static let all: [any Rule.Type] = [
    SGD.self, AdaGrad.self, RMSprop.self, Adam.self, AdamW.self,
    NAdam.self, RAdam.self, Adamax.self, Adadelta.self, Rprop.self, ASGD.self,
    Lion.self, LAMB.self, LARS.self,
    Adafactor.self, AdafactorTorch.self,
    Prodigy.self, DAdaptAdam.self,
    ScheduleFreeSGD.self, ScheduleFreeAdamW.self,
    SophiaG.self, SophiaH.self,
    Muon.self,
    Shampoo.self,
    ShampooDistributed.self,
    SOAP.self,
    KFAC.self,
    LBFGS.self,
  ]

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// The rule called `name`.
  ///
  /// - Throws: ``OptimizerError/unknownRule(name:nearest:valid:)``.
  public static func named(_ name: String) throws(OptimizerError) -> any Rule.Type {
    guard let rule = all.first(where: { $0.name == name }) else {
      throw .unknownRule(name: name, nearest: nearestName(to: name, among: names), valid: names)
    }
    return rule
  }
}
