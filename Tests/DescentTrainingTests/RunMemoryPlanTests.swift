import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

/// What a recipe's run takes, found without training it.
@Suite("Memory of a run, ahead") struct RunMemoryPlanTests {
  /// Recipes of every model kind, with and without what changes memory.
  static let recipes = [
    """
    {steps: 3, batch: 4, model: {kind: gpt, layers: 2, heads: 2, width: 32, context: 16},
    data: {kind: text}, optimizer: {name: adamw}, checkpoint: {every: 0}}
    """,
    """
    {steps: 3, batch: 4, model: {kind: gpt, layers: 3, heads: 2, width: 32, context: 16,
    recompute: layers, bias: true}, data: {kind: text}, optimizer: {name: adamw}, precision: bf16}
    """,
    """
    {steps: 3, batch: 8, release_gradients: true, model: {kind: gpt, layers: 2, heads: 2, width: 32,
    context: 16}, data: {kind: text}, optimizer: {name: sgd}}
    """,
    "{steps: 3, batch: 16, model: {kind: mlp}, data: {kind: digits}, optimizer: {name: kfac}}",
    """
    {steps: 3, batch: 16, model: {kind: cnn, channels: [8, 16]}, data: {kind: digits},
    optimizer: {name: kfac}}
    """,
    """
    {steps: 3, batch: 16, model: {kind: mlp}, data: {kind: digits}, optimizer: {name: adamw,
    groups: [{match: "*.0.*", frozen: true}]}}
    """,
  ]

  private final class Watch: TrainingObserver {
    var activations: Int?
    var state: Int?
    var wantsToStop: Bool { false }
    func started(_ facts: RunFacts) { state = facts.stateBytes }
    func evaluated(_ evaluation: Evaluation, after step: Int) {}
    func stepped(_ step: TrainingStep) {
      activations = max(activations ?? 0, step.record.activationBytes ?? 0)
    }
  }

  @Test("activations and state are those of the run", arguments: recipes)
  func run(_ yaml: String) throws {
    let recipe = try Recipe(yaml: yaml)
    let memory = try RunMemory(of: recipe)
    let optimizer = try recipe.plan.memory(for: memory.parameters)
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let watch = Watch()
    let trainer = try Trainer(recipe)
    _ = try trainer.run(in: RunDirectory(new: folder.path, name: "run"), observer: watch)
    #expect(optimizer.stateBytes == watch.state)
    let measured = try #require(watch.activations)
    // What K-FAC sees of the layers is its own work, which the run counts among activations.
    let slack = recipe.plan.rule.needs.contains(.layers) ? measured : measured / 100
    #expect(abs(memory.activationBytes - measured) <= slack)
    #expect(memory.basis == .step)
    #expect(memory.phases(optimizer).peak > memory.phases(optimizer).load)
  }
}
