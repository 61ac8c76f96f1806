import DescentLab
import Foundation
import Testing

/// Pictures that one kind shares with another: what tells them apart.
@Suite("Diagnosis: look-alikes") struct LookAlikeTests {
  private typealias Run = MadeRun

  @Test("each is named for what it is", arguments: cases)
  func named(_ run: MadeRun) {
    let diagnosis = Diagnosis(run.log)
    #expect(diagnosis.findings.first?.kind == run.expected, "\(diagnosis.findings)")
  }

  private static var cases: [MadeRun] {
    var cases: [MadeRun] = []
    func add(
      _ rows: Int, _ name: String, _ expected: String, _ change: (inout MadeRun) -> Void
    ) {
      var run = Run.usual(rows, name, expected)
      change(&run)
      cases.append(run)
    }
    /// A jump by `height` at a row that decays over some tens of rows.
    func jump(_ run: inout MadeRun, at row: Int, by height: Double, over rows: Double = 25) {
      let count = run.tracks["loss"]?.count ?? 0
      for i in row..<min(count, row + 200) {
        run.tracks["loss"]?[i] += height * exp(-Double(i - row) / rows)
      }
    }
    add(600, "one jump that is slow to come back", "resume_jump") { jump(&$0, at: 300, by: 2) }
    add(600, "three such jumps", "loss_spikes") { run in
      for row in [150, 260, 470] { jump(&run, at: row, by: 2, over: 12) }
    }
    add(400, "the loss flies away in the last rows of a warmup", "diverged") { run in
      run.tracks["lr"] = (0..<400).map { 1e-3 * Double($0 + 1) / 400 }
      for i in 394..<400 { run.tracks["loss"]?[i] = 4 * pow(100, Double(i - 393)) }
    }
    add(400, "it flies away, and the validation loss is NaN", "diverged") { run in
      for i in 394..<400 { run.tracks["loss"]?[i] = 4 * pow(100, Double(i - 393)) }
      run.tracks["val_loss"] = [3, 2.5, 2, .nan]
      run.sparse["val_loss"] = 100
    }
    add(600, "a rate raised by hand, and a loss that climbs with it", "lr_too_high") { run in
      run.tracks["lr"] = (0..<600).map { $0 < 300 ? 1e-3 : 6e-3 }
      for i in 300..<600 {
        run.tracks["loss"]?[i] +=
          1.5 * (1 - exp(-Double(i - 300) / 20)) * exp(-Double(i - 300) / 90)
      }
    }
    add(400, "steps skipped in each row of two", "fp16_overflow") { run in
      run.every = 2
      run.tracks["loss"] = normalNumbers(400, seed: 4).map { 2.3 + 0.02 * $0 }
      run.tracks["loss_scale"] = [Double](repeating: 65536, count: 400)
      run.tracks["skipped"] = (0..<400).map { $0 == 0 ? 1 : 2 }
    }
    add(400, "a hundred million skipped in each row", "fp16_overflow") { run in
      run.every = 100_000_000
      run.tracks["loss"] = normalNumbers(400, seed: 4).map { 2.3 + 0.02 * $0 }
      run.tracks["loss_scale"] = [Double](repeating: 65536, count: 400)
      run.tracks["skipped"] = [Double](repeating: 100_000_000, count: 400)
    }
    add(400, "two steps skipped at the beginning, counted up", "healthy") { run in
      run.tracks["loss_scale"] = (0..<400).map { $0 < 2 ? 65536 / pow(2, Double($0)) : 16384 }
      run.tracks["skipped"] = (0..<400).map { min(2, Double($0 + 1)) }
    }
    add(300, "marks of clipped steps, and no norms", "clip_too_tight") { run in
      run.tracks["grad_norm"] = nil
      run.tracks["clip_norm"] = [Double](repeating: 0.01, count: 300)
      run.tracks["clipped"] = [Double](repeating: 1, count: 300)
    }
    add(300, "half of the steps clipped, and no norms", "healthy") { run in
      run.tracks["grad_norm"] = nil
      run.tracks["clipped"] = (0..<300).map { Double($0 % 2) }
    }
    add(400, "lost updates that are shares", "updates_lost") { run in
      run.tracks["lost_updates"] = [Double](repeating: 0.7, count: 400)
    }
    for rounding in ["stochastic", "kahan"] {
      add(400, "lost updates that \(rounding) rounding makes up for", "healthy") { run in
        run.tracks["lost_share"] = [Double](repeating: 0.7, count: 400)
        run.settings.append(("weights.rounding", rounding))
      }
    }
    add(400, "fine-tuning: most of the fall at once, the rest with the decay", "healthy") { run in
      let noises = normalNumbers(400, seed: 8)
      run.tracks["loss"] = (0..<400).map { i in
        let t = Double(i) / 400
        return 2.1 + 0.3 * exp(-30 * t) - 0.2 * t + (i == 0 ? 0 : 0.02 * noises[i])
      }
    }
    add(400, "a level that climbs slowly", "lr_too_high") { run in
      let noises = normalNumbers(400, seed: 9)
      run.tracks["lr"] = [Double](repeating: 0.1, count: 400)
      run.tracks["loss"] = (0..<400).map { i in
        let t = Double(i) / 400
        return 2.5 + 2 * exp(-80 * t) + 1.5 * sin(Double.pi * t) + (i == 0 ? 0 : 0.3 * noises[i])
      }
    }
    return cases
  }
}
