import Descent
import DescentCompute
import DescentTraining
import Testing

/// Runs of the kinds of tasks that the matrix has not: each rule with one of them, each of them with several
/// rules, formats of state and averages.
enum ResumeTasks {
  static let base = """
    {steps: 8, batch: 4, model: {kind: mlp}, data: {kind: digits}, optimizer: {name: sgd},
    evaluate: {every: 4, batches: 1}, checkpoint: {keep: 9}}
    """

  private static let blocks = ["model.layers=1", "model.heads=2", "model.width=8"]
  private static let text = ["data.kind=text", "model.kind=gpt", "model.context=8"] + blocks
  private static let lora = ["adapter.kind=lora", "adapter.rank=2", "adapter.dropout=0.1"]
  private static let diffusion =
    ["model.kind=diffusion", "model.sampling_steps=2", "model.samples=1"] + blocks

  /// Each by its name; the files lie in `FOLDER`.
  static let tasks: [(name: String, changes: [String])] = [
    ("vit", ["model.kind=vit", "model.dropout=0.1"] + blocks),
    ("vit, adapters", ["model.kind=vit", "adapter.targets=all-linear"] + blocks + lora),
    ("gpt, adapters", text + lora + ["data.path=FOLDER/text"]),
    (
      "gpt, prompts in packed windows",
      text + ["data.path=FOLDER/answers.jsonl", "data.tokenizer=byte", "data.pack=true"]
    ),
    ("gpt, tokens of a file", text + ["data.path=FOLDER/text", "data.cache=FOLDER/tokens"]),
    ("diffusion", diffusion),
    ("diffusion, adapters", diffusion + lora),
    ("gan", ["model.kind=gan", "model.latent=4", "model.channels=6,4"]),
    (
      "agent",
      [
        "data.kind=environment", "data.environments=2", "data.rollout=8", "data.episodes=1",
        "model.kind=ppo", "model.hidden=6", "model.passes=2",
      ]
    ),
    (
      "numbers",
      ["data.kind=csv", "data.path=FOLDER/numbers", "data.task=regression"]
        + ["model.hidden=6"]
    ),
    ("modular sums", ["data.kind=modular", "data.modulus=7", "model.hidden=6"]),
  ]

  /// A task with a rule.
  struct Case: Sendable, CustomTestStringConvertible {
    let (task, rule, state, average): (String, String, String, String)
    fileprivate let recipe: [String]
    let stop: Int
    let threads: [Int]

    func changes(in folder: String) -> [String] {
      recipe.map { $0.replacing("FOLDER", with: folder) }
    }

    var testDescription: String { "\(task), \(rule), \(state), \(average), stopped after \(stop)" }
  }

  /// Each rule with the next task that it can train, and the next format and average that go with both.
  static let cases: [Case] = {
    func axis(_ name: String) -> [(name: String, changes: [String])] {
      ResumeAxis.all.first { $0.name == name }?.values ?? []
    }
    let (rules, states, averages) = (axis("rule"), axis("state"), axis("average"))
    var random = RandomStream(seed: ResumeCase.seed, stream: 2)
    return rules.enumerated().compactMap { number, rule in
      let threads = random.permutation(of: 3).map { $0 + 1 }
      let stop = random.integer(below: ResumeCase.steps)
      for shift in 0..<tasks.count {
        let task = tasks[(number + shift) % tasks.count]
        let state = states[(number + number / tasks.count) % states.count]
        let average = averages[(number + number / tasks.count) % averages.count]
        for (state, average) in [(state, average), (states[0], average), (states[0], averages[0])] {
          let changes = task.changes + rule.changes + state.changes + average.changes
          guard (try? Recipe(yaml: base, overrides: changes)) != nil else { continue }
          return Case(
            task: task.name, rule: String(rule.name.prefix { $0 != " " }), state: state.name,
            average: average.name, recipe: changes, stop: stop, threads: threads)
        }
      }
      return nil
    }
  }()
}
