import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

#if os(Linux)
/// Notes what a process holds after some steps.
private final class MemoryWatcher: TrainingObserver {
  /// Resident bytes and those of the pool, after the steps that were asked for.
  private(set) var held: [(resident: Int, pool: Int)] = []
  private let steps: Set<Int>
  init(after steps: Set<Int>) { self.steps = steps }
  func started(_ facts: RunFacts) {}
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
  var wantsToStop: Bool { false }
  func stepped(_ step: TrainingStep) {
    guard steps.contains(step.record.step) else { return }
    let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
      .split(separator: " ")[1]
    held.append(
      (
        (pages.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))),
        TensorPool.bytesInUse + TensorPool.bytesFree
      ))
  }
}

@Suite("Memory of a run") struct RunMemoryTests {
  /// In a process of its own, where no other test takes memory.
  @Test("2,000 steps hold no more than the first 400, evaluations and checkpoints included")
  func flat() async {
    await #expect(processExitsWith: .success) {
      let common =
        "threads: 2, steps: 2000, evaluate: {every: 50, batches: 1}, "
        + "checkpoint: {every: 50, keep: 2}"
      let recipes = [
        """
        {\(common), batch: 2, accumulate: 2, clip: {norm: 1}, average: {name: ema},
        model: {kind: gpt, layers: 1, heads: 2, width: 16, context: 8, dropout: 0.1},
        data: {kind: text}, schedule: {name: plateau},
        optimizer: {name: adamw, state: int8, state_minimum: 1}}
        """,
        """
        {\(common), batch: 4, model: {kind: cnn, channels: [3]}, data: {kind: digits},
        average: {name: lookahead}, optimizer: {name: sophia-g, hess_interval: 3}}
        """,
      ]
      for yaml in recipes {
        try withFolder { folder in
          // From after an epoch on, which ends with a smaller batch.
          let watcher = MemoryWatcher(after: [400, 800, 1200, 1600, 2000])
          let run = try RunDirectory(new: folder + "/run", name: "")
          _ = try Trainer(Recipe(yaml: yaml)).run(in: run, observer: watcher)
          let held = watcher.held
          #expect(held.count == 5 && held.allSatisfy { $0.resident > 0 })
          // A leak grows in every window; a thread that first has work late, in one of them.
          let grown = zip(held.dropFirst(), held).map {
            (resident: $0.resident - $1.resident, pool: $0.pool - $1.pool)
          }
          // Less than a float a step, and less than a kilobyte.
          #expect(try #require(grown.map(\.pool).min()) < 4 * 400, "\(held)")
          #expect(try #require(grown.map(\.resident).min()) < 400 << 10, "\(held)")
        }
      }
    }
  }
}
#endif
