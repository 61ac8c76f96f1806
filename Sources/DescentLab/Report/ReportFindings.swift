import Descent
import Foundation

/// What a run's numbers say, in sentences.
package struct ReportFindings {
  let run: ReportRun

  package init(run: ReportRun) { self.run = run }

  /// Whether more may come, so that nothing has ended yet.
  private var isRunning: Bool { run.state == .running }
  private var ended: String { isRunning ? "is now at" : "ended at" }

  /// From the most to the least important.
  package var sentences: [String] { sentences(besides: []) }

  /// The same without what findings of these kinds say better.
  func sentences(besides kinds: Set<String>) -> [String] {
    let all: [(sentence: String?, said: Set<String>)] = [
      (stopped, ["nan"]), (run.returns, []), (loss, ["diverged"]),
      (jump, ["loss_spikes", "warmup_too_short", "resume_jump", "diverged", "lr_too_high", "nan"]),
      (validation, ["overfitting"]), (forgetting, []),
      (rate, ["schedule_ended_early", "schedule_cut_off", "lr_not_logged"]),
      (estimate, ["d_stuck", "d_still_rising"]), (clipping, ["clip_too_tight", "clip_idle"]),
      (skipped, ["fp16_overflow"]), (spikes, []), (rounding, ["updates_lost"]),
      (unmoved, ["tensors_not_moving"]), (speed, []),
    ]
    return all.filter { $0.said.isDisjoint(with: kinds) }.compactMap(\.sentence)
  }

  /// That the run did not end by itself.
  private var stopped: String? {
    guard let loss = run.curves["loss"], loss.count > 0 else {
      return run.curves["val_loss"] == nil ? "The log has no loss." : nil
    }
    if loss.nonFinite == loss.count { return "No loss of the run is finite." }
    if let last = run.events.last, last.kind == .skipped, last.step >= run.lastStep,
      run.state == .stopped
    {
      return "The run stopped at step \(grouped(last.step)): \(last.text.withoutStop)."
    }
    if loss.nonFinite > 0 {
      return "\(grouped(loss.nonFinite)) of \(counted(loss.count, "loss", "losses")) "
        + "\(loss.nonFinite == 1 ? "is" : "are") not finite."
    }
    return nil
  }

  /// Whether it learned, and whether it still does.
  private var loss: String? {
    guard let curve = run["loss"], curve.count > 1, curve.start.isFinite, !run.isOfAgent else {
      return nil
    }
    let means = curve.window > 1 ? " (means over \(counted(curve.window, "row")))" : ""
    let (start, end) = (number(curve.start), number(curve.end))
    let change = curve.end - curve.start
    let uncertain = 3 * curve.noise * (2 / Double(curve.window)).squareRoot()
    if start == end || abs(change) <= uncertain {
      return
        "The training loss has not changed by more than its noise: \(start) at the start, \(end) at "
        + "the end\(means)."
    }
    let course = "The training loss \(change < 0 ? "fell" : "rose") from \(start) to \(end)\(means)"
    guard let tenths = curve.lastTenths else { return course + "." }
    let recent = tenths.last - tenths.before
    if abs(recent) <= 2 * tenths.uncertainty {
      return course + "; over the last tenth of the run it did not change by more than its noise."
    }
    return course
      + "; over the last tenth of the run it still \(recent < 0 ? "fell" : "rose") by "
      + "\(short(abs(recent), 4))."
  }

  /// How it does on what it has not seen.
  private var validation: String? {
    guard let curve = run["val_loss"], let lowest = curve.lowest, let last = curve.last,
      !run.isOfAgent
    else { return nil }
    let best = "its lowest was \(number(lowest.y)) at step \(step(lowest.x))"
    if let broken = curve.brokenSince {
      return "The validation loss is not finite from step \(step(broken)) on; \(best)."
    }
    var sentence = "The validation loss \(ended) \(number(last.y))"
    if last.x > lowest.x, last.y > lowest.y {
      // A percentage says nothing where losses may be zero or negative.
      sentence +=
        lowest.y > 0
        ? ", \(percent(last.y / lowest.y - 1, 1)) above its lowest, \(number(lowest.y)) at step "
          + step(lowest.x)
        : "; \(best)"
    } else if curve.count > 1 {
      sentence += ", its lowest"
    }
    if let before = curve.beforeTraining {
      sentence += "; before training it was \(number(before.y))"
    }
    if let accuracy = run["val_accuracy"]?.last, accuracy.x == last.x {
      sentence += "; \(percent(accuracy.y, 2)) of the answers were right"
    }
    if let error = run["val_rmse"]?.last, error.x == last.x {
      sentence += "; the RMSE was \(number(error.y))"
      if let share = run["val_r2"]?.last, share.x == last.x {
        sentence += " and R² \(fixed(share.y, 4))"
      }
    }
    if let training = run["loss"], training.end > 0, last.y > 1.1 * training.end {
      sentence += "; it lies \(number(last.y - training.end)) above the training loss"
    }
    return sentence + "."
  }

  /// What became of what the model knew before.
  private var forgetting: String? {
    guard let curve = run["val_old"], let before = curve.beforeTraining, let last = curve.last,
      before.y > 0
    else { return nil }
    let start = "The validation loss on what was known before"
    let change = last.y / before.y - 1
    if abs(change) < 0.0005 { return "\(start) has stayed at \(number(before.y))." }
    return
      "\(start) \(change > 0 ? "rose" : "fell") from \(number(before.y)) to \(number(last.y)), by "
      + "\(percent(abs(change), 1))."
  }

  /// What the learning rate did.
  private var rate: String? {
    guard let curve = run["lr"], let first = curve.points.first, let last = curve.last,
      let highest = curve.highest, let lowest = curve.lowest
    else { return nil }
    if highest.y == lowest.y { return "The learning rate was \(short(highest.y)) throughout." }
    var parts: [String] = []
    if highest.x > first.x {
      parts.append("rose to \(short(highest.y)) at step \(step(highest.x))")
    }
    if last.y < highest.y {
      parts.append(
        (highest.x > first.x ? "" : "fell from \(short(highest.y)) and ")
          + "\(ended) \(short(last.y))")
    }
    return "The learning rate \(parts.joined(separator: " and "))."
  }

  /// Whether the estimate of the step size has settled.
  private var estimate: String? {
    let all =
      (run["d"].map { [("", $0)] } ?? []) + run.family("d").map { (" of \($0.member)", $0.curve) }
    guard let (name, curve) = all.first, let first = curve.points.first, let last = curve.last
    else {
      return nil
    }
    if last.y == first.y {
      return "d\(name) has stayed at \(short(first.y)): the estimate of the step size never grew."
    }
    if last.y < first.y { return "d\(name) fell from \(short(first.y)) to \(short(last.y))." }
    let settled = curve.points.first { $0.y >= 0.99 * last.y } ?? last
    let isRising = settled.x > first.x + 0.9 * (last.x - first.x)
    return "d\(name) grew from \(short(first.y)) to \(short(last.y))"
      + (isRising
        ? " and \(isRunning ? "is still growing" : "was still growing at the end")."
        : " and has been there since step \(step(settled.x)).")
  }

  /// How often the gradients met their limit.
  private var clipping: String? {
    guard let curve = run["clipped"] else { return nil }
    let limit = run["clip_norm"]?.last.map { " at \(short($0.y))" } ?? ""
    if curve.mean == 0 {
      return run["clip_norm"] == nil ? nil : "The gradient norm never reached its limit\(limit)."
    }
    return
      "Gradients were clipped\(limit) in \(percent(curve.mean, curve.mean < 0.1 ? 1 : 0)) of the steps."
  }

  /// A loss that stands out of its surroundings, after the beginning.
  private var jump: String? {
    guard let curve = run["loss"], let highest = curve.highest, let first = curve.points.first,
      highest.x > first.x + (curve.lastStep - first.x) / 10,
      let around = curve.value(at: highest.x - (curve.lastStep - first.x) / 50)
    else { return nil }
    guard highest.y - around > max(10 * curve.noise, 0.5 * abs(around)) else { return nil }
    return
      "The training loss jumped to \(number(highest.y)) at step \(step(highest.x)), from about "
      + "\(number(around))."
  }

  /// Steps that changed nothing.
  private var skipped: String? {
    // The last one may be what the run ended with.
    let count = run.skippedSteps - (stopped?.hasPrefix("The run stopped") == true ? 1 : 0)
    guard count > 0 else { return nil }
    let sentence = "\(counted(count, "step")) \(count == 1 ? "was" : "were") skipped"
    guard let first = run.events.first(where: { $0.kind == .skipped }) else {
      return sentence + "."
    }
    let which = count == 1 ? ", number" : ", the first at"
    return "\(sentence)\(which) \(grouped(first.step)): \(first.text.withoutStop)."
  }

  /// Times that the run went back.
  private var spikes: String? {
    let spikes = run.events.filter { $0.kind == .spike }
    let restarts = run.events.filter { $0.kind == .restarted }
    var sentences: [String] = []
    if let first = spikes.first {
      sentences.append(
        "The run went back \(times(spikes.count)) after a spike"
          + "\(spikes.count > 1 ? ", first" : "") at step \(grouped(first.step)).")
    }
    if let first = restarts.first {
      sentences.append(
        "It was resumed \(times(restarts.count)) from an earlier step"
          + "\(restarts.count > 1 ? ", first" : "") at step \(grouped(first.step)).")
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }

  private static func at(_ first: RunLog.Event, _ all: [RunLog.Event]) -> String {
    "\(all.count == 1 ? "" : "first ")at step \(grouped(first.step))"
  }

  /// What rounding took.
  private var rounding: String? {
    guard let curve = run["lost_share"], curve.mean > 0 else { return nil }
    return "Rounding swallowed \(percent(curve.mean, 1)) of the updates of weights, "
      + "\(percent(curve.end, 1)) at the end."
  }

  /// Tensors that stand still.
  private var unmoved: String? {
    let ratios = run.family("update_ratio")
    let still = ratios.filter { ($0.curve.highest?.y ?? 0) == 0 }.map(\.member)
    guard let first = still.first, let count = ratios.map(\.curve.count).max() else { return nil }
    let when =
      "in \(count == 1 ? "the step that was" : "any of the \(grouped(count)) steps that were") measured"
    return still.count == 1
      ? "\(first) did not move \(when)."
      : "\(grouped(still.count)) tensors did not move \(when), \(first) among them."
  }

  /// How long steps took.
  private var speed: String? {
    guard let curve = run["seconds"], curve.mean > 0 else { return nil }
    let steps = curve.mean * Double(curve.count)
    var sentence =
      "A step \(isRunning ? "takes" : "took") \(short(1_000 * curve.mean)) ms, "
      + "\(counted(curve.count, "step")) \(duration(steps))"
    if let instruments = run["instrument_seconds"] {
      sentence +=
        ", the instruments \(duration(instruments.mean * Double(instruments.count))) more"
    }
    return sentence + "; evaluations are not counted."
  }

  private func number(_ x: Double) -> String { NumberStyle.significant(4).text(x) }
  private func step(_ x: Double) -> String { grouped(Int(step: x)) }
}

/// A duration in a sentence or a table: short ones with their decimals.
func duration(_ seconds: Double) -> String {
  seconds < 1
    ? "\(short(1_000 * seconds)) ms" : seconds < 60 ? "\(fixed(seconds, 1)) s" : clock(seconds)
}

extension String {
  /// The sentence without the stop at its end.
  fileprivate var withoutStop: String {
    var text = self[...]
    while let last = text.last, last == "." || last == " " { text.removeLast() }
    return String(text)
  }
}
