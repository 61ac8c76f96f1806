import Descent
import Testing

@Suite("Settings") struct SettingTests {
  /// The defaults of the references: torch, transformers, lion-pytorch, prodigyopt, dadaptation,
  /// schedulefree, Sophia, optax, pytorch_optimizer, the authors' code.
  static let defaults = [
    "sgd": """
    lr=0.001 momentum=0 dampening=0 weight_decay=0 nesterov=false momentum_form=heavy-ball \
    maximize=false
    """,
    "adagrad": """
    lr=0.01 lr_decay=0 weight_decay=0 initial_accumulator_value=0 eps=1e-10 maximize=false
    """,
    "rmsprop": """
    lr=0.01 alpha=0.99 eps=1e-08 weight_decay=0 momentum=0 centered=false maximize=false
    """,
    "adam": """
    lr=0.001 betas=0.9,0.999 eps=1e-08 weight_decay=0 decoupled_weight_decay=false \
    amsgrad=false bias_correction=true maximize=false
    """,
    "adamw": """
    lr=0.001 betas=0.9,0.999 eps=1e-08 weight_decay=0.01 amsgrad=false bias_correction=true \
    maximize=false
    """,
    "nadam": """
    lr=0.002 betas=0.9,0.999 eps=1e-08 weight_decay=0 momentum_decay=0.004 \
    decoupled_weight_decay=false maximize=false
    """,
    "radam": """
    lr=0.001 betas=0.9,0.999 eps=1e-08 weight_decay=0 decoupled_weight_decay=false \
    maximize=false
    """,
    "adamax": "lr=0.002 betas=0.9,0.999 eps=1e-08 weight_decay=0 maximize=false",
    "adadelta": "lr=1 rho=0.9 eps=1e-06 weight_decay=0 maximize=false",
    "rprop": "lr=0.01 etas=0.5,1.2 step_sizes=1e-06,50 maximize=false",
    "asgd": "lr=0.01 lambd=0.0001 alpha=0.75 t0=1000000 weight_decay=0 maximize=false",
    "lion": """
    lr=0.0001 betas=0.9,0.99 weight_decay=0 decoupled_weight_decay=false cautious_factor=1 \
    cautious_wd=false
    """,
    "lamb": """
    lr=0.001 betas=0.9,0.999 eps=1e-06 weight_decay=0 variant=paper bias_correction=true \
    grad_averaging=true adam_w_mode=true use_nvlamb=false eps_inside_sqrt=false \
    max_coeff=10 min_coeff=0.01
    """,
    "lars": """
    lr=0.001 momentum=0.9 weight_decay=0 trust_coefficient=0.001 nesterov=false \
    variant=paper
    """,
    "adafactor": """
    lr=none eps=1e-30,0.001 clip_threshold=1 decay_rate=-0.8 beta1=none weight_decay=0 \
    scale_parameter=true relative_step=true warmup_init=false
    """,
    "adafactor-torch": "lr=0.01 beta2_decay=-0.8 eps=none,0.001 d=1 weight_decay=0 maximize=false",
    "prodigy": """
    lr=1 betas=0.9,0.999 beta3=none eps=1e-08 weight_decay=0 decouple=true \
    use_bias_correction=false safeguard_warmup=false d0=1e-06 d_coef=1 growth_rate=inf \
    d_max=inf slice_p=1 per_group=false
    """,
    "dadapt-adam": """
    lr=1 betas=0.9,0.999 eps=1e-08 weight_decay=0 decouple=false use_bias_correction=false \
    d0=1e-06 growth_rate=inf layer_scale=1 per_group=false
    """,
    "schedule-free-sgd": "lr=1 momentum=0.9 weight_decay=0 warmup_steps=0 r=0 weight_lr_power=2",
    "schedule-free-adamw": """
    lr=0.0025 betas=0.9,0.999 eps=1e-08 weight_decay=0 warmup_steps=0 r=0 \
    weight_lr_power=2
    """,
    "sophia-g": """
    lr=0.0001 betas=0.965,0.99 rho=0.04 weight_decay=0.1 bs=none hess_interval=10 \
    maximize=false
    """,
    "sophia-h": """
    lr=0.0001 betas=0.965,0.99 eps=1e-08 weight_decay=0.0001 gamma=0.01 clip_threshold=1 \
    update_interval=10
    """,
    "muon": """
    lr=0.001 weight_decay=0.1 momentum=0.95 nesterov=true \
    ns_coefficients=3.4445,-4.775,2.0315 eps=1e-07 ns_steps=5 adjust_lr_fn=original \
    adamw_lr=0.0003 adamw_betas=0.9,0.95 adamw_eps=1e-10 adamw_weight_decay=0
    """,
    "shampoo": "lr=0.001 matrix_eps=1e-06 preconditioning_compute_steps=1",
    "shampoo-distributed": """
    lr=0.01 betas=0.9,1 beta3=-1 epsilon=1e-12 weight_decay=0 weight_decay_type=decoupled \
    max_preconditioner_dim=256 precondition_frequency=none start_preconditioning_step=-1 \
    use_bias_correction=true inverse_exponent_override=none grafting=none \
    grafting_beta2=none grafting_epsilon=1e-10 momentum=0 dampening=0 nesterov=false
    """,
    "soap": """
    lr=0.003 betas=0.95,0.95 shampoo_beta=-1 eps=1e-08 weight_decay=0.01 \
    precondition_frequency=10 max_precond_dim=10000 precondition_1d=false \
    normalize_grads=false correct_bias=true
    """,
    "kfac": """
    lr=0.1 momentum=0.9 dampening=0 weight_decay=0 nesterov=false damping=0.001 \
    factor_decay=0.95 kl_clip=0.001 factor_update_steps=1 inv_update_steps=1 \
    compute_method=eigen
    """,
    "lbfgs": """
    lr=1 max_iter=20 max_eval=none tolerance_grad=1e-07 tolerance_change=1e-09 \
    history_size=100 line_search_fn=strong_wolfe maximize=false
    """,
  ]

  @Test("defaults are the reference's, or say that they are ours", arguments: Rules.names)
  func defaults(_ name: String) throws {
    let text = try makeRule(name).resolved.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    #expect(text == Self.defaults[name])
  }

  @Test(
    "an initializer that is given one number leaves the others at their defaults",
    arguments: [
      (SGD(learningRate: 7) as any Configurable, "lr=7"), (AdaGrad(learningRate: 7), "lr=7"),
      (RMSprop(learningRate: 7), "lr=7"), (Adam(learningRate: 7), "lr=7"),
      (AdamW(learningRate: 7), "lr=7"), (NAdam(learningRate: 7), "lr=7"),
      (RAdam(learningRate: 7), "lr=7"), (Adamax(learningRate: 7), "lr=7"),
      (Adadelta(learningRate: 7), "lr=7"), (Rprop(learningRate: 7), "lr=7"),
      (ASGD(learningRate: 7), "lr=7"), (Lion(learningRate: 7), "lr=7"),
      (LAMB(learningRate: 7), "lr=7"), (LARS(learningRate: 7), "lr=7"),
      // With a learning rate Adafactor is set up for fine-tuning.
      (Adafactor(learningRate: 7), "lr=7 scale_parameter=false relative_step=false"),
      (AdafactorTorch(learningRate: 7), "lr=7"), (Prodigy(learningRate: 7), "lr=7"),
      (DAdaptAdam(learningRate: 7), "lr=7"), (ScheduleFreeSGD(learningRate: 7), "lr=7"),
      (ScheduleFreeAdamW(learningRate: 7), "lr=7"), (SophiaG(learningRate: 7), "lr=7"),
      (SophiaH(learningRate: 7), "lr=7"), (Muon(learningRate: 7), "lr=7"),
      (Shampoo(learningRate: 7), "lr=7"), (ShampooDistributed(learningRate: 7), "lr=7"),
      (SOAP(learningRate: 7), "lr=7"), (KFAC(learningRate: 7), "lr=7"),
      (LBFGS(learningRate: 7), "lr=7"),
      (LinearWarmup(warmup: 7), "warmup=7"), (LinearDecay(warmup: 7), "warmup=7"),
      (Cosine(warmup: 7), "warmup=7"), (InverseSquareRoot(warmup: 7), "warmup=7"),
      (StepDecay(stepSize: 7), "step_size=7"), (MultiStepDecay(milestones: [7]), "milestones=7"),
      (OneCycle(maxLearningRate: 7), "max_lr=7"), (ExponentialAverage(decay: 0.5), "decay=0.5"),
      (Lookahead(period: 7), "k=7"), (StochasticWeightAverage(start: 7), "start=7"),
    ])
  func initializers(_ value: any Configurable, _ changes: String) {
    let text = value.changes.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    #expect(text == changes)
  }

  @Test("every setting reads back what it writes, and says what it means", arguments: Rules.names)
  func roundTrip(_ name: String) throws {
    func check<R: Rule>(_: R.Type) throws {
      let rule = R()
      let copy = try R(rule.resolved.map { ($0.name, $0.value.description) })
      #expect(copy.resolved.map(\.value) == rule.resolved.map(\.value))
      #expect(
        R.settings.allSatisfy { !$0.meaning.isEmpty && !$0.kind.isEmpty && !$0.source.isEmpty })
      #expect(Set(R.settings.map(\.name)).count == R.settings.count)
      #expect(!R.about.summary.isEmpty && !R.about.formula.isEmpty && !R.about.reference.isEmpty)
      #expect(throws: Never.self) { try rule.check() }
    }
    try check(Rules.named(name))
  }

  @Test(
    "a mistake is named with what was given and what is allowed",
    arguments: [
      ("lr", "-1", "lr=-1 is out of range: lr must be at least 0"),
      ("lr", "inf", "lr=inf is out of range: lr must be finite and at least 0"),
      ("lr", "nan", "lr=nan cannot be read: lr takes a number, at least 0"),
      ("lr", "fast", "lr=fast cannot be read: lr takes a number, at least 0"),
      ("betas", "0.9,1", "betas=1 is out of range: betas must be at least 0 and below 1"),
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

  @Test(
    "contradictions and values out of range are refused in a sentence that names them",
    arguments: [
      ("adafactor", "lr=0.001", "lr=0.001 contradicts relative_step=true"),
      ("adafactor", "relative_step=false", "relative_step=false needs lr"),
      ("adafactor", "lr=1 relative_step=false warmup_init=true", "warmup_init=true needs"),
      ("adafactor-torch", "eps=0.1,none", "eps must end in a number"),
      ("adafactor-torch", "eps=0.1", "eps=0.1 cannot be read"),
      ("adafactor-torch", "d=0.5", "d=0.5 is out of range"),
      ("lars", "nesterov=true", "variant=pytorch_optimizer"),
      ("lamb", "variant=apexx", "variant=apexx cannot be read"),
      ("lamb", "use_nvlamb=true", "use_nvlamb has no meaning for variant=paper"),
      ("lamb", "max_coeff=2 variant=apex", "max_coeff has no meaning for variant=apex"),
      ("lamb", "bias_correction=false", "set variant to apex or deepspeed"),
      ("lamb", "variant=deepspeed max_coeff=0.1 min_coeff=0.2", "min_coeff=0.2 is above"),
      ("lion", "lr=0", "lr=0 is out of range"),
      ("lion", "cautious_factor=1.5", "cautious_factor=1.5 is out of range"),
      ("rprop", "etas=1.2,0.5", "etas must be"),
      ("rprop", "step_sizes=1,0.1", "step_sizes must begin with the shorter one"),
      ("schedule-free-adamw", "betas=0,0.9", "betas must begin above 0"),
      ("schedule-free-sgd", "momentum=0", "momentum=0 is out of range"),
      ("sophia-g", "bs=0", "bs=0 is out of range"),
      ("sophia-g", "hess_interval=0", "hess_interval=0 is out of range"),
      ("sophia-h", "update_interval=0", "update_interval=0 is out of range"),
      ("kfac", "damping=0", "damping=0 is out of range"),
      ("kfac", "kl_clip=0", "kl_clip=0 is out of range"),
      ("kfac", "compute_method=eigan", "did you mean 'eigen'?"),
      ("kfac", "nesterov=true momentum=0", "nesterov=true needs momentum"),
      ("radam", "beta=0.9", "did you mean 'betas'?"),
      ("dadapt-adam", "d0=0", "d0=0 is out of range"),
    ])
  func refused(_ rule: String, _ options: String, _ part: String) throws {
    let error = #expect(throws: SettingErrors.self) { try makeRule(rule, options) }
    #expect("\(error!)".contains(part), "\(error!)")
  }
}
