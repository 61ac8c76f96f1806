/// What the name of a column or a tag stands for.
package struct MetricName: Equatable {
  /// The name in a ``RunLog``; nil for one that is not known.
  package var key: String?
  /// Of several names of one metric the one with the lowest rank is taken; averages are the last.
  package var rank: Int

  private static let averageRank = 1000
  private static let testRank = 100

  /// Whether it names an average of the metric.
  var isAverage: Bool { rank >= Self.averageRank }

  /// Looks a name up: exact or as a pattern, in any case, with `-`, space or `_`, with a word before
  /// or behind it that says whether it is of training or validation.
  package init(_ name: String) {
    let original = Array(name.utf8)
    let bytes = original.map { byte in
      switch byte {
      case 0x41...0x5A: byte | 0x20
      case 0x2D, 0x20: UInt8(ascii: "_")
      default: byte
      }
    }
    var range = bytes.indices
    while let last = range.last, bytes[last] == UInt8(ascii: "_") || bytes[last] == 0x2F {
      range.removeLast()
    }
    while let first = range.first, bytes[first] == 0x2F { range.removeFirst() }
    var known = Self.find(bytes, original, range)
    if known == nil, let words = Self.separated(name) { known = Self(words) }
    (key, rank) = known.map { ($0.key, $0.rank) } ?? (nil, 0)
  }

  /// `train_Loss` for `trainLoss`; nil for a name without words that are joined so.
  static func separated(_ name: String) -> String? {
    var (text, before): (String, Character?) = ("", nil)
    for character in name {
      if character.isUppercase, before?.isLowercase == true { text.append("_") }
      text.append(character)
      before = character
    }
    return text == name ? nil : text
  }

  private init(key: String, rank: Int) { (self.key, self.rank) = (key, rank) }

  private static func find(_ bytes: [UInt8], _ original: [UInt8], _ range: Range<Int>)
    -> MetricName?
  {
    if let exact = lookUp(training, bytes, original, range) { return exact }
    if let rate = rateOfOptimizer(bytes, original, range) { return rate }
    for word in validationLosses where bytes[range].starts(with: word) {
      let rest = range.lowerBound + word.count..<range.upperBound
      if rest.isEmpty { break }
      return lookUp(validation, bytes, original, rest)
        ?? MetricName(
          key: "val_loss/\(String(decoding: original[rest], as: UTF8.self))", rank: 0)
    }
    for (word, phase) in phases {
      guard let (rest, penalty) = strip(word, bytes, range) else { continue }
      var found: MetricName?
      switch phase {
      case .training: found = lookUp(training, bytes, original, rest)
      case .validation, .test: found = lookUp(validation, bytes, original, rest)
      }
      if found == nil, let scope = scopeEnd(bytes, rest), phase == .training {
        found = lookUp(training, bytes, original, scope..<rest.upperBound)
      }
      guard var found else { continue }
      found.rank += penalty + (phase == .test ? testRank : 0)
      return found
    }
    if let scope = scopeEnd(bytes, range) {
      return lookUp(training, bytes, original, scope..<range.upperBound)
    }
    return nil
  }

  /// Whether an unknown name is of a part of a loss, as of boxes or classes: `train/box_loss`.
  static func isPart(_ name: String, ofValidation isValidation: Bool) -> Bool {
    let name = name.lowercased()
    let bytes = Array(name.utf8)
    let phase = phases.first { strip($0.0, bytes, bytes.indices) != nil }?.1 ?? .training
    guard (phase != .training) == isValidation, phase != .test else { return false }
    let last = name.split(separator: "/").last ?? ""
    return last.hasSuffix("_loss")
  }

  // MARK: Phases

  private enum Phase { case training, validation, test }

  private static let phases: [([UInt8], Phase)] = [
    ("training", Phase.training), ("train_inner", .training), ("train", .training),
    ("validation", .validation), ("held_out", .validation), ("heldout", .validation),
    ("holdout", .validation),
    ("evaluation", .validation), ("eval", .validation), ("valid", .validation),
    ("val", .validation), ("dev", .validation), ("test", .test),
  ].map { (Array($0.0.utf8), $0.1) }

  /// What is left of a name without a word before or behind it.
  private static func strip(
    _ word: [UInt8], _ bytes: [UInt8], _ range: Range<Int>
  ) -> (rest: Range<Int>, penalty: Int)? {
    guard range.count > word.count + 1 else { return nil }
    func isGap(_ index: Int) -> Bool {
      bytes[index] == UInt8(ascii: "/") || bytes[index] == UInt8(ascii: "_")
        || bytes[index] == UInt8(ascii: ".")
    }
    let (first, last) = (range.lowerBound + word.count, range.upperBound - word.count - 1)
    if isGap(first), bytes[range.lowerBound..<first].elementsEqual(word) {
      return (first + 1..<range.upperBound, 0)
    }
    if isGap(last), bytes[(last + 1)..<range.upperBound].elementsEqual(word) {
      return (range.lowerBound..<last, 1)
    }
    return nil
  }

  /// What kohya's and others' validation losses begin with.
  private static let validationLosses = [
    "loss/validation/", "loss/val/", "loss/eval/", "loss/valid/",
  ].map { Array($0.utf8) }

  /// Lightning's `lr-AdamW`, or `lr-AdamW/pg1` of a group.
  private static func rateOfOptimizer(
    _ bytes: [UInt8], _ original: [UInt8], _ range: Range<Int>
  ) -> MetricName? {
    guard bytes[range].starts(with: Array("lr_".utf8)) else { return nil }
    let rest = bytes[(range.lowerBound + 3)..<range.upperBound]
    let word = rest.prefix { $0 != UInt8(ascii: "/") }
    guard optimizers.contains(Array(word)) else { return nil }
    if word.endIndex == range.upperBound { return MetricName(key: "lr", rank: 50) }
    let member = original[(word.endIndex + 1)..<range.upperBound]
    return MetricName(key: "lr/\(String(decoding: member, as: UTF8.self))", rank: 50)
  }

  private static let optimizers: Set<[UInt8]> = Set(
    [
      "adam", "adamw", "adamw8bit", "adam8bit", "pagedadamw8bit", "fusedadam", "sgd", "lion",
      "prodigy", "adafactor", "rmsprop", "lamb", "adagrad", "nadam", "radam", "muon", "shampoo",
      "soap", "adadelta", "lars", "schedulefree", "adamwschedulefree", "deepspeedcpuadam",
    ].map { Array($0.utf8) })

  /// Words before a name that say where a tool files it.
  private static let scopes: Set<[UInt8]> = Set(
    [
      "metrics", "metric", "optim", "optimizer", "opt", "perf", "performance", "global", "log",
      "stats", "scalars", "charts", "schedule", "scheduler", "trainer", "misc", "timing", "speed",
      "throughput", "system", "debug", "grad", "norm", "norms", "losses", "batch", "loop", "step",
      "steps", "iter", "iteration", "model", "run", "summary", "monitor", "logs", "progress", "amp",
      "scaler", "gradients", "gradient", "optimization", "learning", "fit", "clip", "clipping",
    ].map { Array($0.utf8) })

  private static func scopeEnd(_ bytes: [UInt8], _ range: Range<Int>) -> Int? {
    guard let slash = bytes[range].firstIndex(of: UInt8(ascii: "/")) else { return nil }
    return scopes.contains(Array(bytes[range.lowerBound..<slash])) ? slash + 1 : nil
  }

  // MARK: Tables

  private struct Names {
    var exact: [[UInt8]: MetricName] = [:]
    var families: [[UInt8]: MetricName] = [:]
  }

  private static let training: Names = {
    var names = Names()
    for metric in Metric.all {
      // d·lr is what acts, so it goes before the rate that it was made from.
      let effective = metric.key == "lr" ? metric.aliases.firstIndex(of: "learning_rate") ?? 0 : 0
      let ranked =
        [(metric.key, effective)]
        + metric.aliases.enumerated().map { ($1, $0 < effective ? $0 : $0 + 1) }
        + metric.averages.enumerated().map { ($1, averageRank + $0) }
      for (alias, rank) in ranked {
        let alias = Array(alias.utf8)
        if names.exact[alias] == nil { names.exact[alias] = .init(key: metric.key, rank: rank) }
        if metric.isFamily, names.families[alias] == nil {
          names.families[alias] = .init(key: metric.key, rank: rank)
        }
      }
    }
    return names
  }()

  /// What the same names stand for where they are of validation.
  private static let validation: Names = {
    var names = Names()
    for (base, key) in [
      ("loss", "val_loss"), ("accuracy", "val_accuracy"), ("perplexity", "val_perplexity"),
    ] {
      guard let metric = Metric.all.first(where: { $0.key == base }) else { continue }
      let all =
        [base] + metric.averages.filter { $0.contains("epoch") }
        + metric.aliases + metric.averages + ["loss/step_average", "loss/step_current"]
      for (rank, alias) in all.enumerated() {
        let alias = Array(alias.utf8)
        if names.exact[alias] == nil { names.exact[alias] = .init(key: key, rank: rank) }
      }
    }
    names.exact[Array("loss_raw".utf8)] = .init(key: "val_loss_raw", rank: 0)
    // kohya and OneTrainer say so in the middle.
    for (rank, alias) in [
      "epoch_average", "total_average", "step_average", "average", "step_current",
    ]
    .enumerated() {
      names.exact[Array(alias.utf8)] = .init(key: "val_loss", rank: 20 + rank)
    }
    return names
  }()

  private static func lookUp(
    _ names: Names, _ bytes: [UInt8], _ original: [UInt8], _ range: Range<Int>
  ) -> MetricName? {
    if range.isEmpty { return nil }
    if let exact = names.exact[Array(bytes[range])] { return exact }
    if names.families.isEmpty { return nil }
    // The longest name that a member may follow.
    for index in range.reversed()
    where bytes[index] == UInt8(ascii: "/") || bytes[index] == UInt8(ascii: ".") {
      guard index + 1 < range.upperBound, index > range.lowerBound,
        var found = names.families[Array(bytes[range.lowerBound..<index])], let key = found.key
      else { continue }
      let member = String(decoding: original[(index + 1)..<range.upperBound], as: UTF8.self)
      found.key = "\(key)/\(member)"
      return found
    }
    return nil
  }
}
