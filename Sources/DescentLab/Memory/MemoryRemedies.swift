import Descent
import DescentTraining

/// A change with which training fits: it was tried before it is named.
public struct MemoryRemedy: Sendable, Equatable {
  /// How it is asked for: `--recompute`, `--lora 16 --base-bits 4`, `batch=4 accumulate=2`.
  public let change: String
  /// The peak with it.
  public let peak: Int
  /// What the memory of the host keeps then.
  public var hostBytes = 0
}

extension MemoryPlan {
  /// The changes with which an optimizer and its formats fit, those that change training least first.
  public func remedies(for row: Row) -> [MemoryRemedy] {
    switch given.training {
    case .arithmetic: arithmeticRemedies(row)
    case .run(let run, let recipe, let source, let changes):
      Self.remedies(row, limit, run, recipe, source, changes)
    }
  }

  /// What was tried, as a sentence lists it.
  var triedRemedies: String {
    switch given.training {
    case .run: "recomputation, released gradients and a smaller batch"
    case .arithmetic:
      listed(
        [
          ("recomputation", given.uncounted == nil && !options.recomputes),
          ("released gradients", !options.releasesGradients), ("adapters", options.adapters == nil),
          ("4-bit weights", options.adapters.map { $0.baseBits > 4 } ?? false),
          ("offload", options.offload == .nothing), ("8 devices", options.ranks == 1),
        ].filter(\.1).map(\.0))
    }
  }

  // MARK: A number or a file

  private func arithmeticRemedies(_ row: Row) -> [MemoryRemedy] {
    var found: [(words: Set<String>, remedy: MemoryRemedy)] = []
    for words in combinations {
      // What needs less is not named again with more.
      if found.contains(where: { $0.words.isSubset(of: words) }) { continue }
      guard let other = self.row(row, with: words), other.peak <= limit else { continue }
      found.append(
        (
          Set(words),
          .init(
            change: words.joined(separator: " "), peak: other.peak, hostBytes: other.hostBytes)
        ))
    }
    return found.map(\.remedy)
  }

  private var combinations: [[String]] {
    let saves = given.uncounted == nil && !options.recomputes ? ["--recompute"] : []
    let releases = options.releasesGradients ? [] : ["--release-gradients"]
    let adapters =
      options.adapters == nil
      ? [["--lora 16"], ["--lora 16", "--base-bits 4"]]
      : options.adapters.map { $0.baseBits > 4 } == true ? [["--base-bits 4"]] : []
    let offload = options.offload == .nothing ? [["--offload state"], ["--offload all"]] : []
    let devices = options.ranks == 1 ? [["--ranks 8 --zero 2"], ["--ranks 8 --zero 3"]] : []
    let one = [saves, releases, saves + releases].filter { !$0.isEmpty }
    let others = adapters + offload + devices
    return one + others + (saves.isEmpty ? [] : others.map { $0 + saves })
  }

  private func row(_ row: Row, with words: [String]) -> Row? {
    var options = options
    options.optimizers = options.optimizers.filter { $0.label == row.optimizer }
    if options.optimizers.isEmpty {
      options.optimizers = [.init(label: row.optimizer, rule: row.optimizer, assignments: [])]
    }
    options.limit = limit
    for word in words {
      switch word {
      case "--recompute": options.recomputes = true
      case "--release-gradients": options.releasesGradients = true
      case "--lora 16": options.adapters = try? LowRankAdapters(rank: 16)
      case "--base-bits 4":
        let own = options.adapters
        options.adapters = try? LowRankAdapters(
          rank: own?.rank ?? 16, baseBits: 4, targets: own?.targets ?? [])
      case "--offload state": options.offload = .state
      case "--offload all": options.offload = .all
      case "--ranks 8 --zero 2": try? options.share(ranks: 8, stage: 2)
      default: try? options.share(ranks: 8, stage: 3)
      }
    }
    guard let plan = try? MemoryPlan(given, options) else { return nil }
    return (plan.rows + plan.others).first {
      $0.optimizer == row.optimizer && $0.state == row.state && $0.weights == row.weights
    }
  }

  // MARK: A recipe

  /// The recipe's activations and gradients with other keys, in the place of its own.
  private static func remedies(
    _ row: Row, _ limit: Int, _ run: RunMemory, _ recipe: Recipe, _ source: RacePlan.Source,
    _ changes: [String]
  ) -> [MemoryRemedy] {
    let (batch, accumulate) = (recipe.run.batch, recipe.run.accumulate)
    var tries = [["model.recompute=layers"], ["release_gradients=true"]]
    for part in [2, 4, 8] where batch % part == 0 {
      tries.append(["batch=\(batch / part)", "accumulate=\(accumulate * part)"])
    }
    var found: [MemoryRemedy] = []
    for keys in tries {
      if keys[0].hasPrefix("batch"), found.contains(where: { $0.change.contains("batch") }) {
        continue
      }
      guard let other = try? Recipe(yaml: source.yaml, overrides: changes + keys),
        let memory = try? RunMemory(of: other)
      else { continue }
      let saved =
        run.activationBytes + run.gradientBytes - memory.activationBytes - memory.gradientBytes
      if saved > 0, row.peak - saved <= limit {
        found.append(
          .init(
            change: keys.map { "--set \($0)" }.joined(separator: " "), peak: row.peak - saved))
      }
    }
    return found
  }
}
