import Descent
import DescentTraining
import Foundation
import Testing

// Among the other runs, since the number of threads is shared by all.
extension TrainerTests {
  private func verify(
    _ changes: [String], steps: Int? = nil, stop: Int? = nil, in folder: String,
    watcher: Watcher = Watcher()
  ) throws -> ResumeVerification {
    try ResumeVerification(
      Recipe(yaml: ResumeCase.base, overrides: changes), steps: steps, stop: stop,
      in: URL(fileURLWithPath: folder)
    ) { _ in watcher }
  }

  @Test(
    "a resumed run is the straight one; its weights alone make another, if the rule remembers",
    arguments: [
      (["optimizer.momentum=0.9"], false), ([], true), (["average.name=ema"], true),
      (["optimizer.name=adamw", "optimizer.state=int8", "optimizer.state_minimum=1"], false),
      (["optimizer.name=prodigy", "schedule.name=plateau"], false),
      (["optimizer.name=schedule-free-adamw", "average.name=ema"], false),
      (["optimizer.name=kfac", "optimizer.inv_update_steps=3", "precision=float32"], false),
      (["optimizer.name=lbfgs", "optimizer.max_iter=3"], false),
      (["optimizer.name=sophia-g", "optimizer.hess_interval=3"], false),
      (["weights.format=bf16", "weights.rounding=kahan", "optimizer.lr=1e-3"], false),
      (["weights.format=bf16", "weights.rounding=stochastic"], true),
    ])
  func verified(_ changes: [String], _ remembersNothing: Bool) throws {
    try withFolder { folder in
      let found = try verify(changes, in: folder)
      #expect(found.resumed.isEqual && found.resumed.hasEqualWeights, "\(found.resumed)")
      #expect(found.weightsOnly.hasEqualWeights == remembersNothing, "\(found.weightsOnly)")
      #expect((found.weightsOnly.largest > 0) == !remembersNothing)
      #expect((found.steps, found.stop) == (8, 4) && found.tensors > 0 && found.bytes > 0)
      #expect(found.loss == found.resumed.loss && found.loss.isFinite)
      for name in ["straight", "resumed", "weights-only"] {
        #expect(try RunDirectory(existing: "\(folder)/\(name)").metrics().steps.count == 8)
      }
    }
  }

  @Test("numbers of steps that cannot be, and a run that someone stops") func unverified() throws {
    try withFolder { folder in
      for (steps, stop, sentence) in [
        (9, nil, "--steps 9 is more than the 8 steps of the recipe; add --set steps=9"),
        (1, nil, "a run that is stopped and resumed has at least 2 steps, and this one has 1"),
        (4, 4, "--at 4 must be at least 1 and less than 4, the number of steps"),
        (4, 0, "--at 0 must be at least 1 and less than 4, the number of steps"),
      ] as [(Int, Int?, String)] {
        let error = #expect(throws: RecipeError.self) {
          try verify([], steps: steps, stop: stop, in: folder)
        }
        #expect(error?.problems == [sentence])
      }
      let shorter = try verify([], steps: 3, in: folder + "/shorter")
      #expect(shorter.steps == 3 && shorter.stop == 1 && shorter.resumed.isEqual)
      #expect(throws: ResumeVerification.Interrupted.self) {
        try verify([], in: folder + "/stopped", watcher: Watcher(stopAfter: 2))
      }
    }
  }
}
