import Descent
import Foundation

/// What a run's numbers say, in sentences.
struct ReportFindings {
  let run: ReportRun

  /// From the most to the least important.
  var sentences: [String] {
    [
      stopped, loss, validation, rate, estimate, clipping, skipped, spikes, rounding, unmoved,
      speed,
    ].compactMap(\.self)
  }

  /// That the run did not end by itself.
  private var stopped: String? {
    guard let loss = run.curves["loss"], loss.count > 0 else {
      return run.curves["val_loss"] == nil ? "The log has no loss." : nil
    }
    if loss.nonFinite == loss.count { return "No loss of the run is finite." }
    if loss.nonFinite > 0 {
      return "\(counted(loss.nonFinite, "loss", "losses")) of \(grouped(loss.count)) "
        + "\(loss.nonFinite == 1 ? "is" : "are") not finite."
    }
    return nil
  }

  /// Whether it learned, and whether it still does.
  private var loss: String? {
    guard let curve = run["loss"], curve.count > 1, curve.start.isFinite else { return nil }
    let means = curve.window > 1 ? " (means over \(counted(curve.window, "step")))" : ""
    let change = curve.end - curve.start
    let uncertain = curve.noise / Double(max(1, curve.window)).squareRoot() * 3
    guard abs(change) > uncertain || curve.window == 1 else {
      return
        "The training loss has not changed by more than its noise: \(short(curve.start, 4)) at the "
        + "start, \(short(curve.end, 4)) at the end\(means)."
    }
    let course =
      "The training loss \(change < 0 ? "fell" : "rose") from \(short(curve.start, 4)) to "
      + "\(short(curve.end, 4))\(means)"
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
    guard let curve = run["val_loss"], let lowest = curve.lowest, let last = curve.last else {
      return nil
    }
    var sentence = "The validation loss ended at \(short(last.y, 4))"
    if last.x > lowest.x, last.y > lowest.y {
      sentence +=
        ", \(percent(last.y / lowest.y - 1, 1)) above its lowest, \(short(lowest.y, 4)) at step "
        + grouped(Int(lowest.x))
    } else if curve.count > 1 {
      sentence += ", its lowest"
    }
    if let accuracy = run["val_accuracy"]?.last {
      sentence += "; \(percent(accuracy.y, 2)) of the answers were right"
    }
    return sentence + "."
  }

  /// What the learning rate did.
  private var rate: String? {
    guard let curve = run["lr"], let first = curve.points.first, let last = curve.last,
      let highest = curve.highest, let lowest = curve.lowest
    else { return nil }
    if highest.y == lowest.y { return "The learning rate was \(short(highest.y)) throughout." }
    var parts: [String] = []
    if highest.x > first.x {
      parts.append("rose to \(short(highest.y)) at step \(grouped(Int(highest.x)))")
    }
    if last.y < highest.y {
      parts.append(
        (highest.x > first.x ? "" : "fell from \(short(highest.y)) and ")
          + "ended at \(short(last.y))")
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
    let settled = curve.points.first { $0.y >= 0.99 * last.y } ?? last
    let isRising = settled.x > first.x + 0.9 * (last.x - first.x)
    return "d\(name) grew from \(short(first.y)) to \(short(last.y))"
      + (isRising
        ? " and was still growing at the end."
        : " and has been there since step \(grouped(Int(settled.x))).")
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

  /// Steps that changed nothing.
  private var skipped: String? {
    let skips = run.events.filter { $0.kind == .skipped }
    guard let first = skips.first else { return nil }
    return
      "\(counted(skips.count, "step")) \(skips.count == 1 ? "was" : "were") skipped, the first at "
      + "\(grouped(first.step)): \(first.text)."
  }

  /// Times that the run went back.
  private var spikes: String? {
    let spikes = run.events.filter { $0.kind == .spike }
    let restarts = run.events.filter { $0.kind == .restarted }
    var sentences: [String] = []
    if let first = spikes.first {
      sentences.append(
        "The run went back \(times(spikes.count)) after a spike, \(Self.at(first, spikes))."
      )
    }
    if let first = restarts.first {
      sentences.append(
        "It was resumed \(times(restarts.count)) from an earlier step, \(Self.at(first, restarts))."
      )
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }

  private static func at(_ first: RunLog.Event, _ all: [RunLog.Event]) -> String {
    "\(all.count == 1 ? "" : "first ")at step \(grouped(first.step))"
  }

  /// What rounding took.
  private var rounding: String? {
    guard let curve = run["lost_share"], curve.mean > 0 else { return nil }
    return "Rounding took \(percent(curve.mean, 1)) of the updates of weights, "
      + "\(percent(curve.end, 1)) at the end."
  }

  /// Tensors that stand still.
  private var unmoved: String? {
    let still = run.family("update_ratio").filter { ($0.curve.highest?.y ?? 0) == 0 }.map(\.member)
    guard let first = still.first else { return nil }
    return still.count == 1
      ? "\(first) never moved."
      : "\(grouped(still.count)) tensors never moved, \(first) among them."
  }

  /// How long steps took.
  private var speed: String? {
    guard let curve = run["seconds"], curve.mean > 0 else { return nil }
    return
      "A step took \(short(1_000 * curve.mean)) ms, the whole run \(clock(curve.mean * Double(curve.count)))."
  }
}
