import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent race`
struct RaceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "race",
    abstract: "Race optimizers on a recipe: equal tuning, the same seeds, and what is proven.",
    discussion: """
      Every optimizer trains the recipe from the same weights over the same data, seed by seed, and is \
      judged by the validation loss at the end. A verdict in words says which differences are proven, \
      and for the others how many seeds it would take.

      Optimizers are names with commas between them, each perhaps with settings, and one may come \
      more than once. With --tune N, each that has something to tune is given N trials over a declared \
      space; without, the given or default settings are raced, and the verdict is about those.

        descent race gpt --optimizers adamw,lion,prodigy,muon --tune 8 --set steps=300
        descent race digits-mlp --optimizers "adamw,adamw(lr=1e-5),sgd(lr=0.05,momentum=0.9)"
        descent race digits-mlp digits-cnn --optimizers adamw,lion --tune 6 --jobs 2

      The race is kept in a folder, with report.html. Ctrl-C, or anything else that ends it, loses no \
      run that has ended: the same command with the same --out, or --resume, goes on, also with more \
      --seeds or with more --optimizers behind the others.
      """)

  @Argument(
    help: "Built-in recipes or YAML files; with several, performance profiles are drawn.",
    completion: .file(extensions: ["yaml"]))
  var recipes: [String] = []

  @Option(help: ArgumentHelp("The optimizers.", valueName: "a,b(key=value),..."))
  var optimizers: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Judged runs of each optimizer (default: 3).", valueName: "k"))
  var seeds: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tuning trials of each optimizer (default: 0).", valueName: "n"))
  var tune: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Also count steps and seconds to this validation loss.", valueName: "loss"))
  var target: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Give each run so much training time, such as 60s or 5m, in the place of the recipe's steps; \
      schedules follow.
      """, valueName: "time"))
  var budget: String?

  @OptionGroup var changes: RecipeChanges

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Runs at once, as processes that share the threads.", valueName: "j"))
  var jobs = 1

  @Flag(help: "Keep the weights of tuning trials.")
  var keep = false

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp(
      "The folder of the race (default: runs/<recipe>-race-<n>).", valueName: "folder"))
  var folder: String?

  @Option(
    help: ArgumentHelp("Go on with the race in a folder.", valueName: "folder"),
    completion: .directory)
  var resume: String?

  @OptionGroup var json: JSONFile

  @Flag(help: "Print nothing but errors and the result.")
  var quiet = false

  func validate() throws {
    if resume == nil, recipes.isEmpty {
      throw ValidationError("give a recipe to race on, or --resume and the folder of a race")
    }
    if resume == nil, optimizers == nil {
      throw ValidationError(
        "give the optimizers to race, such as --optimizers adamw,lion,prodigy")
    }
    if resume != nil, folder != nil {
      throw ValidationError("--resume goes on in the race's own folder: leave out --out")
    }
    if resume != nil,
      !recipes.isEmpty || !changes.assignments.isEmpty || budget != nil
        || tune != nil
    {
      throw ValidationError(
        "--resume goes on with the recipes, changes, --tune and --budget that the race has: leave "
          + "them out")
    }
    if !(1...256).contains(jobs) {
      throw ValidationError("--jobs \(jobs) is out of range: give from 1 to 256 runs at once")
    }
  }

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    StandardOutput.onlyAccompaniesWork()
    let series = RunSeries(
      kind: "race", folder: folder ?? resume, ownFiles: ["race.json", "report.html"],
      inputs: recipes.filter { BuiltInRecipes.yaml($0) == nil }
        .map { (name: "the recipe \($0)", path: $0) }, json: json, isQuiet: quiet)
    try reportingErrors {
      try series.checkOutput()
      let race = try resume.map(resumed) ?? started()
      if let file = json.path, !json.isStandardOutput { try OutputFile.check(file) }
      if !series.isSilent { output("racing in \(race.folder.relativePath)") }
      do {
        let crew = RunSeries.crew(jobs, runBy: RaceRun.self)
        let result = try race.run(crew, keepsWeights: keep) {
          if !series.isSilent { output(RaceProgressPage.line($0)) }
        }
        let page = RacePage.about(result, command: command(race))
        try series.show(page, brief: page, in: race.folder)
      } catch RaceError.interrupted(let path) {
        writeError("\(RaceError.interrupted(path))")
        throw ExitCode(ExitStatus.interrupted)
      }
    }
  }

  private func started() throws -> Race {
    var sources: [RacePlan.Source] = []
    for recipe in recipes {
      let (name, yaml) = try findRecipe(recipe)
      sources.append(RacePlan.Source(name: name, yaml: yaml))
    }
    var plan = RacePlan(
      recipes: sources, changes: changes.assignments,
      optimizers: try RaceOptimizer.texts(optimizers ?? ""))
    try change(&plan)
    plan.trials = tune ?? 0
    plan.secondsPerRun = try budget.map(RacePlan.seconds)
    return try Race(plan, in: folder)
  }

  private func resumed(_ path: String) throws -> Race {
    try Race(resuming: path) { plan in
      if let optimizers { plan.optimizers = try RaceOptimizer.texts(optimizers) }
      try change(&plan)
    }
  }

  private func change(_ plan: inout RacePlan) throws {
    if let seeds { plan.seeds = seeds }
    if let target { plan.target = target }
  }

  /// The command line that repeats the race.
  private func command(_ race: Race) -> String {
    let plan = race.plan
    var words = ["descent", "race"] + (recipes.isEmpty ? plan.recipes.map(\.name) : recipes)
    words += ["--optimizers", plan.optimizers.joined(separator: ",")]
    words += ["--seeds", "\(plan.seeds)"]
    if plan.trials > 0 { words += ["--tune", "\(plan.trials)"] }
    if let target = plan.target { words += ["--target", "\(target)"] }
    if let seconds = plan.secondsPerRun { words += ["--budget", "\(seconds)s"] }
    for change in plan.changes { words += ["--set", change] }
    return words.map(shellQuoted).joined(separator: " ")
  }
}

/// `descent race-run`: one run of a race, as `descent race --jobs` starts it.
struct RaceRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "race-run", abstract: "Do one run of a race.", shouldDisplay: false)

  @Argument var file: String
  @Argument var threads: Int

  func run() throws {
    let file = URL(fileURLWithPath: file)
    try doTrial { stops in
      let trial = try RaceTrial.read(file)
      // Two levels up lies the folder of the race.
      let folder = file.deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let plan = try Race.plan(in: folder)
      guard plan.recipes.indices.contains(trial.recipe) else {
        throw RaceError.notARace(folder.path)
      }
      return try trial.run(
        plan.recipes[trial.recipe].yaml, threads: threads, file: file, stops: stops)
    }
  }
}
