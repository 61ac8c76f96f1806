import DescentLab
import Foundation
import Testing

/// Curves as people see them, each with the finding that is to stand first.
@Suite("Diagnosis: cases") struct DiagnosisCaseTests {
  private typealias Run = MadeRun

  @Test("what is sound is not accused", arguments: healthy + noisy + scales)
  func sound(_ run: MadeRun) {
    let diagnosis = Diagnosis(run.log)
    #expect(diagnosis.findings.first?.kind == "healthy", "\(diagnosis.findings)")
  }

  @Test("a fault is named first", arguments: faults + preciseFaults)
  func faulty(_ run: MadeRun) {
    let diagnosis = Diagnosis(run.log)
    #expect(diagnosis.findings.first?.kind == run.expected, "\(diagnosis.findings)")
    let first = diagnosis.findings.first
    #expect((first?.confidence ?? 0) >= Diagnosis.sure)
    for finding in diagnosis.findings {
      #expect(!finding.evidence.isEmpty && !finding.cause.isEmpty && !finding.advice.isEmpty)
      #expect(!finding.evidence.contains("nan") || finding.kind == "nan")
    }
  }

  /// A list of cases that is easy on the compiler.
  private struct Made {
    var runs: [MadeRun] = []

    mutating func add(
      _ rows: Int, _ name: String, _ expected: String = "healthy", _ change: (inout MadeRun) -> Void
    ) {
      var run = Run.usual(rows, name, expected)
      change(&run)
      runs.append(run)
    }
  }

  // MARK: Sound runs

  private static var healthy: [MadeRun] {
    var made = Made()
    made.add(1000, "usual") { _ in }
    made.add(200, "200 rows") { _ in }
    made.add(60, "60 rows") { _ in }
    made.add(400, "every tenth step") { $0.every = 10 }
    made.add(500, "constant rate") { run in
      run.tracks["lr"] = [Double](repeating: 1e-3, count: 500)
    }
    made.add(500, "no rate, no norms") { run in
      run.tracks["lr"] = nil
      run.tracks["grad_norm"] = nil
    }
    made.add(800, "stairs of the rate") { run in
      run.tracks["lr"] = (0..<800).map { 0.1 * pow(0.1, Double($0 / 240)) }
    }
    made.add(600, "1/sqrt decay") { run in
      run.tracks["lr"] = (0..<600).map { 1e-3 * min(1, (30 / Double($0 + 1)).squareRoot()) }
    }
    made.add(600, "warmup, constant, decay") { run in
      run.tracks["lr"] = (0..<600).map { (i: Int) -> Double in
        let (up, down) = (min(1, Double(i + 1) / 20), min(1, Double(600 - i) / 120))
        return 1e-3 * up * down
      }
    }
    made.add(600, "warm restarts") { run in
      run.tracks["lr"] = (0..<600).map {
        1e-3 * 0.5 * (1 + cos(Double.pi * Double($0 % 120) / 120))
      }
    }
    made.add(500, "clipped now and then") { run in
      run.tracks["clip_norm"] = [Double](repeating: 1.2, count: 500)
    }
    made.add(500, "validation falls, then stays") { run in
      run.tracks["val_loss"] = Run.falling(20, from: 3, to: 1.7, half: 0.1, noise: 0.005)
      run.sparse["val_loss"] = 25
    }
    made.add(500, "a loss scale that finds its place") { run in
      run.tracks["loss_scale"] = (0..<500).map { $0 < 3 ? 65536 / pow(2, Double($0)) : 8192 }
    }
    made.add(600, "passes over the data, shuffled") { run in
      run.tracks["epoch"] = (0..<600).map { Double($0) / 100 }
    }
    made.add(500, "d that settles") { run in
      run.tracks["d"] = (0..<500).map { min(4e-4, 1e-6 * pow(1.2, Double($0))) }
      run.tracks["lr"] = run.tracks["d"]
    }
    made.add(500, "bf16 weights that lose a little") { run in
      run.tracks["lost_share"] = (0..<500).map { 0.05 + 0.3 * pow(Double($0) / 500, 4) }
    }
    return made.runs
  }

  private static let noisy: [MadeRun] = [0.01, 0.05, 0.1, 0.2].flatMap { noise in
    [120, 1000].map { rows in
      Run.usual(rows, "noise of \(noise) in \(rows) rows").with { run in
        run.tracks["loss"] = Run.falling(
          rows, noise: noise, seed: UInt64(rows) + UInt64(1000 * noise))
      }
    }
  }

  private static var scales: [MadeRun] {
    var made = Made()
    made.add(600, "losses near 10") {
      $0.tracks["loss"] = Run.falling(600, from: 10.8, to: 3.4)
    }
    made.add(600, "a loss of 1e-3") {
      $0.tracks["loss"] = Run.falling(600, from: 1e-3, to: 2e-4)
    }
    made.add(600, "a classifier that learns all") { $0.tracks["loss"] = Run.vanishing(600) }
    made.add(600, "the same, noisier") {
      $0.tracks["loss"] = Run.vanishing(600, to: 0.001, noise: 1)
    }
    made.add(600, "squared errors") {
      $0.tracks["loss"] = Run.vanishing(600, from: 250, to: 0.1, noise: 0.2)
    }
    made.add(600, "negative losses") { run in
      run.tracks["loss"] = Run.falling(600, from: 1, to: -8)
    }
    made.add(600, "huge losses") {
      $0.tracks["loss"] = Run.falling(600, from: 4e30, to: 1e29)
    }
    made.add(600, "fine-tuning: little to gain") {
      $0.tracks["loss"] = Run.falling(600, from: 2, to: 1.6, noise: 0.1)
    }
    return made.runs
  }

  // MARK: Faults

  private static let flat = [Double](repeating: 1e-3, count: 500)

  private static var faults: [MadeRun] {
    var made = Made()
    made.add(500, "NaN from step 301 on", "nan") { run in
      for i in 300..<500 { run.tracks["loss"]?[i] = .nan }
      for i in 290..<300 { run.tracks["grad_norm"]?[i] = 30 }
    }
    made.add(40, "infinity in a short log", "nan") { run in
      for i in 20..<40 { run.tracks["loss"]?[i] = .infinity }
    }
    made.add(500, "rises far above its start", "diverged") { run in
      for i in 200..<500 { run.tracks["loss"]?[i] = 3 + 0.1 * Double(i - 200) }
    }
    made.add(500, "loses what it had", "diverged") { run in
      for i in 250..<500 { run.tracks["loss"]?[i] += 2.3 }
    }
    made.add(500, "thrown up and never better than at the start", "diverged") { run in
      run.tracks["loss"] = normalNumbers(500, seed: 9).enumerated().map { i, x in
        i == 0 ? 2.3 : 2.32 + 0.03 * x + 400 * exp(-Double(i) / 4)
      }
    }
    made.add(500, "noise at high rates, falls as they do", "lr_too_high") { run in
      let noises = normalNumbers(500, seed: 5)
      let rate = Run.cosine(500, peak: 0.1, warmup: 0.02)
      run.tracks["lr"] = rate
      run.tracks["loss"] = (0..<500).map { i in
        let share = rate[i] / 0.1
        return i < 3 ? 4.2 : 1.8 + 1.3 * min(1, share / 0.7) + 0.5 * share * noises[i]
      }
      run.tracks["grad_norm"] = Run.norms(500, spread: 0.9)
    }
    made.add(500, "still on its first slope", "lr_too_low") { run in
      run.tracks["lr"] = flat.map { $0 * 1e-2 }
      run.tracks["loss"] = Run.slope(500)
    }
    made.add(500, "early spike that recovers", "warmup_too_short") { run in
      run.tracks["lr"] = Run.cosine(500, peak: 1e-2, warmup: 0)
      for i in 2..<30 { run.tracks["loss"]?[i] += 4 * exp(-Double(i) / 8) }
    }
    made.add(800, "spikes that recover", "loss_spikes") { run in
      for at in [300, 450, 640] {
        for i in 0..<8 {
          run.tracks["loss"]?[at + i] += 2 * exp(-Double(i) / 3)
          run.tracks["grad_norm"]?[at - 1 + i] *= 12
        }
      }
    }
    made.add(500, "clipped to a tenth", "clip_too_tight") { run in
      run.tracks["clip_norm"] = [Double](repeating: 0.05, count: 500)
    }
    made.add(500, "a threshold that nothing comes near", "clip_idle") { run in
      run.tracks["clip_norm"] = [Double](repeating: 100, count: 500)
    }
    made.add(500, "flat for most of the run", "plateau") { run in
      run.tracks["lr"] = flat
      run.tracks["loss"] = Run.falling(500, from: 2.3, to: 1.4, half: 0.004, noise: 0.02)
    }
    made.add(500, "never learned", "plateau") { run in
      run.tracks["lr"] = flat
      run.tracks["loss"] = normalNumbers(500, seed: 7).map { 2.303 + 0.01 * $0 }
    }
    made.add(1000, "validation turns", "overfitting") { run in
      run.tracks["loss"] = Run.falling(1000, to: 0.2, half: 0.1)
      run.tracks["val_loss"] = (0..<20).map { 1.5 + pow((Double($0) - 6) / 10, 2) }
      run.sparse["val_loss"] = 50
    }
    made.add(500, "the rate is 0 from 60 % on", "schedule_ended_early") { run in
      run.tracks["lr"] = Run.cosine(500, total: 0.6)
    }
    made.add(500, "the rate is at its floor from half on", "schedule_ended_early") { run in
      run.tracks["lr"] = Run.cosine(500, total: 0.5, floor: 0.1)
    }
    made.add(500, "a third of a cosine", "schedule_cut_off") { run in
      run.tracks["lr"] = Run.cosine(500, total: 3)
    }
    made.add(500, "half of a line", "schedule_cut_off") { run in
      run.tracks["lr"] = (0..<500).map { 1e-3 * (1 - Double($0) / 1000) }
    }
    made.add(800, "a jump and a second fall", "resume_jump") { run in
      for i in 480..<800 { run.tracks["loss"]?[i] += 1.2 / (1 + Double(i - 480) / 40) }
    }
    made.add(600, "stairs of three passes", "epoch_sawtooth") { run in
      let noises = normalNumbers(600, seed: 8)
      run.tracks["lr"] = nil
      run.tracks["loss"] = (0..<600).map { [2.4, 1.2, 0.4][$0 / 200] * (1 + 0.08 * noises[$0]) }
    }
    made.add(800, "the same order in every pass", "epoch_sawtooth") { run in
      for i in 0..<800 { run.tracks["loss"]?[i] += 0.5 * (Double(i % 100) / 100 - 0.5) }
      run.tracks["epoch"] = (0..<800).map { Double($0) / 100 }
    }
    made.add(500, "a rate of 1", "lr_not_logged") { run in
      run.tracks["lr"] = [Double](repeating: 1, count: 500)
    }
    return made.runs
  }

  private static var preciseFaults: [MadeRun] {
    var made = Made()
    made.add(500, "the loss scale is halved again and again", "fp16_overflow") { run in
      run.tracks["loss_scale"] = (0..<500).map { 65536 / pow(2, Double($0 / 30)) }
    }
    made.add(500, "one step in ten is skipped", "fp16_overflow") { run in
      run.tracks["loss_scale"] = (0..<500).map { $0 % 10 == 0 ? 512 : 1024 }
      run.tracks["skipped"] = (0..<500).map { $0 % 10 == 0 ? 1 : 0 }
    }
    made.add(500, "rounding loses most updates", "updates_lost") { run in
      run.tracks["lost_share"] = normalNumbers(500, seed: 10).map { 0.9 + 0.01 * $0 }
    }
    made.add(500, "tensors that stand still", "tensors_not_moving") { run in
      run.tracks["update_ratio/a"] = Run.norms(500, around: 1e-3)
      run.tracks["update_ratio/b"] = [Double](repeating: 0, count: 500)
      run.tracks["update_ratio/c"] = Run.norms(500, around: 2e-3)
    }
    made.add(500, "d stays at d0", "d_stuck") { run in
      run.tracks["d"] = [Double](repeating: 1e-6, count: 500)
      run.tracks["loss"] = Run.falling(500, from: 4, to: 3.9, half: 1)
    }
    made.add(500, "d still grows", "d_still_rising") { run in
      run.tracks["d"] = (0..<500).map { 1e-6 * exp(Double($0) / 80) }
    }
    return made.runs
  }
}
