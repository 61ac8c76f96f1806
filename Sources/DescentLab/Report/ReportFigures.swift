import Descent

/// The figures of a report, by what they are about.
struct ReportFigures {
  let runs: [ReportRun]

  var isSingle: Bool { runs.count == 1 }

  /// What losses are measured in: known for Descent's own, but for errors of numbers.
  private var loss: String {
    let areNats = runs.allSatisfy {
      $0.format == .descent && $0["val_rmse"] == nil && $0["val_return"] == nil
    }
    return areNats ? "loss (nats)" : "loss"
  }

  /// How far the answers were right.
  private var answers: [Figure] {
    pair("accuracy", "Accuracy", "share of right answers")
      + all("val_rmse", "Root of the mean squared validation error", "unit of the targets")
      + all("val_mae", "Mean absolute validation error", "unit of the targets")
      + all("val_r2", "Validation R²", "R²")
  }

  // MARK: Loss

  /// Training loss, raw and smoothed, and what was measured on held-out examples.
  var losses: [Figure] {
    if isSingle, let run = runs.first {
      var chart = LineChart(title: "Loss", x: Axis("step"), y: Axis(loss))
      if let curve = run["loss"] { chart.add(curve, named: "training", color: 0) }
      // Minus a return is no loss of the same kind.
      if let curve = run["val_loss"], run["val_return"] == nil {
        chart.series.append(Series("validation", curve.points, .plain, color: 1))
        chart.series.append(Series("", curve.points, .dots, color: 1))
      }
      if let curve = run["val_loss_raw"] {
        chart.series.append(
          Series("validation without the average", curve.points, .dashed, color: 2))
      }
      chart.settle()
      return (chart.series.isEmpty ? [] : [Figure([chart])]) + answers
    }
    return pair("loss", "Loss", loss) + answers
  }

  /// A metric of training and of validation, which are one quantity: of a single run in one figure.
  private func pair(_ name: String, _ title: String, _ label: String) -> [Figure] {
    let held = "val_\(name)"
    let name = runs.contains { $0["train_\(name)"] != nil } ? "train_\(name)" : name
    guard isSingle, let run = runs.first, let training = run[name], let validation = run[held]
    else {
      return all(name, "Training \(title.lowercased())", label)
        + all(held, "Validation \(title.lowercased())", label)
    }
    var chart = LineChart(title: title, x: Axis("step"), y: Axis(label))
    chart.add(training, named: "training", color: 0)
    chart.series.append(Series("validation", validation.points, .plain, color: 1))
    chart.series.append(Series("", validation.points, .dots, color: 1))
    chart.settle()
    return [Figure([chart], caption: Metric.of(name).meaning)]
  }

  // MARK: Rates

  /// The learning rate that acted, of each group, and what rules make it from.
  var rates: [Figure] {
    groups("lr", "Learning rate", "effective learning rate")
      + groups("base_lr", "Base learning rate", "learning rate before d")
      + groups("d", "d, the estimated step size", "d", .logarithmic)
      + all("d_numerator", "Numerator of d", "numerator")
      + all("d_denominator", "Denominator of d", "denominator")
      + all("relative_step", "Relative step", "relative step ρ")
      + all("schedule_free_weight", "Weight of the newest point in the average", "weight c")
      + all("loss_scale", "Loss scale", "scale", .logarithmic)
      + all("weight_decay", "Weight decay", "weight decay")
      + all("momentum", "Momentum", "momentum")
  }

  // MARK: Gradients

  /// The norm of the gradients beside its limit, and how often that acted.
  var gradients: [Figure] {
    var figures: [Figure] = []
    if var norm = chart("grad_norm", "Gradient norm", "norm before clipping") {
      for (index, run) in runs.enumerated() {
        guard let limit = run["clip_norm"], let low = limit.lowest, let high = limit.highest else {
          continue
        }
        if low.y == high.y {
          let label = isSingle ? "limit \(short(low.y))" : ""
          if !norm.marks.contains(where: { $0.isAt(low.y) }) {
            norm.marks.append(Mark(label, .y(low.y)))
          }
        } else {
          let name = isSingle ? "limit" : "limit of \(run.name)"
          norm.series.append(Series(name, limit.points, .dashed, color: isSingle ? 1 : index))
        }
      }
      norm.settle()
      figures.append(Figure([norm]))
    }
    if runs.contains(where: { ($0["clipped"]?.highest?.y ?? 0) > 0 }) {
      var share = LineChart(
        title: "Share of clipped steps", x: Axis("step"), y: Axis("share", range: 0...1.02))
      for (index, run) in runs.enumerated() {
        guard let curve = run["clipped"] else { continue }
        share.subtitle = isSingle ? "over \(counted(curve.window, "step"))" : ""
        share.series.append(Series(run.name, curve.smooth, color: index))
      }
      figures.append(Figure([share]))
    }
    return figures + all("update_norm", "Update norm", "‖Δw‖")
      + all("snr", "Gradient signal-to-noise", "ratio", .logarithmic)
      + all("norm_test", "Norm test", "θ²", .logarithmic)
      + all("noise_scale", "Gradient noise scale", "examples", .logarithmic)
      + all("alpha", "Share of the first-order gain that came true", "α")
      + all("curvature", "Largest curvature of the loss", "eigenvalue", .logarithmic)
  }

  // MARK: Precision, speed, memory

  /// What rounding took.
  var precision: [Figure] {
    all("lost_share", "Updates lost to rounding", "share of updates")
  }

  /// Time and memory.
  var speed: [Figure] {
    all("seconds", "Time of a step", "milliseconds", scaledBy: 1_000)
      + all("items_per_second", "Throughput", "items a second")
      + all("memory_bytes", "Memory of the process", "megabytes", scaledBy: 1e-6, isSmooth: true)
      + all(
        "activation_bytes", "Memory of activations", "megabytes", scaledBy: 1e-6, isSmooth: true)
      + all("instrument_seconds", "Time of the instruments", "milliseconds", scaledBy: 1_000)
  }

  /// The metrics that have a figure of their own or need none.
  private static let shown: Set<String> = [
    "loss", "val_loss", "val_loss_raw", "accuracy", "train_accuracy", "val_accuracy", "val_rmse",
    "val_mae", "val_r2", "lr", "base_lr", "d", "d_numerator",
    "d_denominator", "relative_step", "schedule_free_weight", "loss_scale", "weight_decay",
    "momentum", "grad_norm", "clip_norm", "clipped", "update_norm", "snr", "norm_test",
    "noise_scale", "alpha", "curvature", "lost_share", "seconds", "items_per_second",
    "memory_bytes", "activation_bytes", "instrument_seconds", "applied", "skipped", "lost_updates",
    "epoch", "episode_return", "val_return",
  ]

  /// What else the runs wrote down, that changes; metrics of tensors and groups are elsewhere.
  var others: [Figure] {
    let names = otherNames { $0.lowest?.y != $0.highest?.y }.prefix(24)
    /// What is measured in training and in validation, by the name without where.
    let both = Set(
      names.compactMap { name -> String? in
        guard isSingle, name.hasPrefix("val_") else { return nil }
        let base = String(name.dropFirst(4))
        return names.contains(base) || names.contains("train_\(base)") ? base : nil
      })
    return names.flatMap { name -> [Figure] in
      let base = ["val_", "train_"].first(where: name.hasPrefix).map {
        String(name.dropFirst($0.count))
      }
      let metric = Metric.of(name)
      guard both.contains(base ?? name) else {
        return all(name, metric.title, name, metric.isLogarithmic ? .logarithmic : .linear)
      }
      // They stand together, where that of the validation would.
      return name.hasPrefix("val_")
        ? pair(base ?? name, (base ?? name).capitalizedFirst, base ?? name) : []
    }
  }

  /// What else they wrote down that stays the same.
  var constants: [Fact] {
    let changing = Set(otherNames { $0.lowest?.y != $0.highest?.y })
    return otherNames { $0.last != nil }.filter { !changing.contains($0) }.prefix(50).map { name in
      let values = Set(runs.compactMap { $0[name]?.last?.y }).sorted()
      let text = values.prefix(4).map { NumberStyle.significant(6).text($0) }.joined(
        separator: ", ")
      return Fact(Metric.of(name).title, .text(text + (values.count > 4 ? ", …" : "")))
    }
  }

  private func otherNames(_ isWanted: (Curve) -> Bool) -> [String] {
    var names = Set<String>()
    for run in runs {
      for (name, curve) in run.curves where !Self.shown.contains(name) && isWanted(curve) {
        let family = String(name.prefix { $0 != "/" })
        if LayerFigures.families.contains(family) || ["lr", "base_lr", "d"].contains(family) {
          continue
        }
        names.insert(name)
      }
    }
    return names.sorted { $0.isBefore($1) }
  }

  // MARK: Making them

  /// A figure of one metric of all runs; none where no run has it.
  ///
  /// - Parameter isSmooth: whether it has no noise to be taken out.
  private func all(
    _ name: String, _ title: String, _ label: String, _ scale: Axis.Scale = .linear,
    scaledBy factor: Double = 1, isSmooth: Bool = false
  ) -> [Figure] {
    guard var chart = chart(name, title, label, scale, scaledBy: factor, isSmooth: isSmooth) else {
      return []
    }
    chart.settle()
    return [Figure([chart], caption: Metric.of(name).meaning)]
  }

  private func chart(
    _ name: String, _ title: String, _ label: String, _ scale: Axis.Scale = .linear,
    scaledBy factor: Double = 1, isSmooth: Bool = false
  ) -> LineChart? {
    var chart = LineChart(title: title, x: Axis("step"), y: Axis(label, scale))
    for (index, run) in runs.enumerated() {
      guard let curve = run[name] else { continue }
      chart.add(
        curve, named: run.name, color: index, hasRaw: runs.count <= 5, scaledBy: factor,
        isSmooth: isSmooth)
    }
    return chart.series.isEmpty ? nil : chart
  }

  /// A figure of a metric that there may be one of for each group.
  private func groups(
    _ name: String, _ title: String, _ label: String, _ scale: Axis.Scale = .linear
  ) -> [Figure] {
    var chart = LineChart(title: title, x: Axis("step"), y: Axis(label, scale))
    for (index, run) in runs.enumerated() {
      let members = run.family(name)
      if members.isEmpty {
        guard let curve = run[name] else { continue }
        chart.series.append(Series(run.name, curve.points, color: index))
      } else if isSingle {
        for (color, member) in members.prefix(20).enumerated() {
          chart.series.append(Series(member.member, member.curve.points, color: color))
        }
      } else {
        for member in members.prefix(8) {
          chart.series.append(
            Series("\(run.name): \(member.member)", member.curve.points, color: index))
        }
      }
    }
    guard !chart.series.isEmpty else { return [] }
    chart.settleRates()
    return [Figure([chart])]
  }
}

extension Mark {
  fileprivate func isAt(_ value: Double) -> Bool {
    if case .y(let y) = place { y == value } else { false }
  }
}

extension LineChart {
  /// Adds a curve: its smoothed line before the raw values, or these alone where they are few.
  mutating func add(
    _ curve: Curve, named name: String, color: Int, hasRaw: Bool = true,
    scaledBy factor: Double = 1,
    isSmooth: Bool = false
  ) {
    func scaled(_ points: [Point]) -> [Point] {
      factor == 1 ? points : points.map { Point($0.x, $0.y * factor) }
    }
    guard curve.window > 1, !isSmooth else {
      series.append(Series(name, scaled(curve.points), color: color))
      // Between few measurements lines are guesses.
      if curve.count <= 40 { series.append(Series("", scaled(curve.points), .dots, color: color)) }
      return
    }
    // A line without a name goes with the named one of its colour.
    if hasRaw { series.insert(Series("", scaled(curve.points), .faint, color: color), at: 0) }
    series.append(Series(name, scaled(curve.smooth), color: color))
    subtitle =
      "running mean over \(counted(curve.window, "row"))" + (hasRaw ? ", raw values behind" : "")
  }

  /// Chooses the scale of the vertical axis by what the lines cover: logarithmic where they span more
  /// than a factor of 30 and nothing would be lost.
  mutating func settle() {
    var (low, high, isPositive) = (Double.infinity, 0.0, true)
    for line in series {
      for point in line.points where point.y.isFinite {
        if point.y <= 0 { isPositive = false }
        (low, high) = (min(low, point.y), max(high, point.y))
      }
    }
    if y.scale == .logarithmic, !isPositive, high <= 0 || low < 0 { y.scale = .linear }
    if y.scale == .linear, y.range == nil, isPositive, low > 0, high / low > 30 {
      y.scale = .logarithmic
    }
  }

  /// The same for rates, which begin near zero: logarithmic where their peaks lie far apart.
  mutating func settleRates() {
    let peaks = series.compactMap { $0.points.lazy.map(\.y).filter(\.isFinite).max() }
    if y.scale == .linear, let low = peaks.min(), let high = peaks.max(), low > 0, high / low > 30 {
      y.scale = .logarithmic
    }
    if y.scale == .logarithmic { settle() }
  }
}
