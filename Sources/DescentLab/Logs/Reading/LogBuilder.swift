import Descent
import DescentTraining
import Foundation

/// Makes a run's log of what a reader found: names become those of ``Metric``, and what follows from
/// others is filled in.
struct LogBuilder {
  private var log: RunLog

  init(name: String, path: String, format: RunLog.Format) {
    log = RunLog(name: name, path: path, format: format)
  }

  /// The log of a table, whose columns have the names that a tool gave them.
  static func log(
    name: String, path: String, format: RunLog.Format, table: LogTable, notes: LogNotes,
    events: [RunLog.Event] = [], isEmptyAsNaN: Bool = false
  ) -> RunLog {
    var builder = Self(name: name, path: path, format: format)
    var said = notes.sentences
    var tracks = table.tracks
    if isEmptyAsNaN { said += withoutGaps(&tracks) }
    builder.log.notes = said + table.notes
    builder.log.events = (events + table.events).sorted { $0.step < $1.step }
    if format == .descent {
      for (name, track) in tracks { builder.log.tracks[self.name(of: name)] = track }
    } else {
      builder.take(tracks)
    }
    builder.deriveClipped()
    builder.deriveLosses()
    if builder.log.tracks.isEmpty {
      builder.log.notes.append(noNumbers)
    }
    return builder.log
  }

  /// What is said of a log without any.
  static let noNumbers = "It has no numbers yet."

  /// The name of a key of Descent's metrics.
  private static func name(of key: String) -> String {
    let isDenominator = key == "d_denom" || key.hasPrefix("d_denom.")
    return MetricKey.slashed(isDenominator ? "d_denominator" + key.dropFirst(7) : key)
  }

  // MARK: Names

  private mutating func take(_ tracks: [(name: String, track: Track)]) {
    let named = tracks.map { (name: MetricName($0.name), own: $0.name, track: $0.track) }
    var best: [String: Int] = [:]
    for (index, entry) in named.enumerated() {
      guard let key = entry.name.key else { continue }
      if let other = best[key], named[other].name.rank <= entry.name.rank { continue }
      best[key] = index
    }
    var others: [(key: String, track: Track)] = []
    for (index, entry) in named.enumerated() {
      guard let key = entry.name.key else {
        others.append((entry.own, entry.track))
        continue
      }
      if best[key] == index {
        log.tracks[key] = entry.track
        if entry.name.isAverage {
          log.notes.append("“\(key)” is an average that the tool made (“\(entry.own)”).")
        }
      } else if key == "lr" || key.hasPrefix("lr/"), entry.name.rank >= Self.plainRate,
        let winner = best[key], named[winner].name.rank < Self.plainRate
      {
        others.append(("base_" + key, entry.track))
      } else if entry.name.isAverage, key == "loss" {
        others.append(("smoothed_loss", entry.track))
      } else {
        others.append((entry.own, entry.track))
      }
    }
    for (name, track) in others {
      var (key, n) = (name, 2)
      while log.tracks[key] != nil { (key, n) = ("\(name) (\(n))", n + 1) }
      log.tracks[key] = track
    }
    deriveRates()
  }

  /// From this rank on a name is of a rate before it is multiplied by d.
  private static let plainRate = MetricName("lr").rank

  // MARK: What follows

  private mutating func deriveRates() {
    // Tools that log Prodigy's lr = 1 beside d.
    if log["base_lr"] == nil, let rate = log["lr"], let d = log["d"], rate.steps == d.steps {
      let ratios = zip(rate.values, d.values).map { $0 / $1 }.filter(\.isFinite).sorted()
      if let median = ratios.isEmpty ? nil : ratios[ratios.count / 2], median > 5 {
        log.tracks["base_lr"] = rate
        log.tracks["lr"] = Track(
          steps: rate.steps, values: zip(rate.values, d.values).map { $0 * $1 })
        log.notes.append("“lr” is d times the rate that the log gives, which is “base_lr” here.")
      }
    }
    let groups = log.family("lr")
    if log["lr"] == nil, let first = groups.first?.track,
      groups.allSatisfy({ $0.track == first })
    {
      log.tracks["lr"] = first
    }
  }

  /// The sum of the parts of a loss, where a log has no total.
  private mutating func deriveLosses() {
    for (key, isValidation) in [("loss", false), ("val_loss", true)] {
      guard log[key] == nil, log.family(key).isEmpty, log["smoothed_\(key)"] == nil else {
        continue
      }
      let parts = log.tracks.filter { MetricName.isPart($0.key, ofValidation: isValidation) }
        .sorted { $0.key < $1.key }
      guard let steps = parts.first?.value.steps, parts.allSatisfy({ $0.value.steps == steps })
      else { continue }
      log.tracks[key] = Track(
        steps: steps,
        values: steps.indices.map { i in parts.reduce(0) { $0 + $1.value.values[i] } })
      let names = parts.map { "“\($0.key)”" }
      log.notes.append(
        parts.count == 1
          ? "“\(key)” is \(names[0]): the log has no total."
          : "“\(key)” is the sum of \(few(names)): the log has no total.")
    }
  }

  /// Whether each step was clipped, where the log only gives the norm and a constant threshold.
  private mutating func deriveClipped() {
    guard log["clipped"] == nil, let norm = log["grad_norm"],
      let threshold = log["clip_norm"]?.values.first, threshold > 0,
      log["clip_norm"]?.values.allSatisfy({ $0 == threshold }) == true
    else { return }
    log.tracks["clipped"] = Track(
      steps: norm.steps, values: norm.values.map { $0.isNaN ? .nan : $0 > threshold ? 1 : 0 })
  }

  /// Tables that write NaN in the place of an empty cell: columns that have a number only now and
  /// then are left without.
  private static func withoutGaps(_ tracks: inout [(name: String, track: Track)]) -> [String] {
    var notes: [String] = []
    for index in tracks.indices {
      let (name, track) = tracks[index]
      guard let last = track.values.lastIndex(where: { !$0.isNaN }) else { continue }
      let gaps = track.values[...last].count { $0.isNaN }
      if gaps <= last + 1 - gaps { continue }
      let kept = track.values.indices.filter { !track.values[$0].isNaN }
      tracks[index].track = Track(
        steps: kept.map { track.steps[$0] }, values: kept.map { track.values[$0] })
      notes.append(
        "“\(name)” has numbers only in \(grouped(kept.count)) of "
          + "\(counted(track.count, "row")); NaN in the others was taken as empty.")
    }
    return notes
  }
}
