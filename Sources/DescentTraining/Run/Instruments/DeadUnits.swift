import DescentNN

/// Watches which units behind a ReLU answer with more than 0, over several passes.
package final class DeadUnits: UnitObserver {
  private var alive: [ObjectIdentifier: [Bool]] = [:]

  package init() {}

  package func observe(_ units: Tensor, of layer: any Module) {
    // [batch, channels, height, width], or the last axis counts units.
    let isImage = units.rank == 4
    let count = units.shape[isImage ? 1 : units.rank - 1]
    let inner = isImage ? units.shape[2] * units.shape[3] : 1
    var flags = alive[ObjectIdentifier(layer)] ?? Array(repeating: false, count: count)
    units.withSpan { y in
      for i in y.indices where y[i] != 0 { flags[i / inner % count] = true }
    }
    alive[ObjectIdentifier(layer)] = flags
  }

  /// The share of units that were 0 all along, by the layer's name.
  package func shares(in model: any Module) -> [(layer: String, share: Double)] {
    model.namedModules.compactMap { name, module in
      alive[ObjectIdentifier(module)].map { flags in
        (name, Double(flags.count { !$0 }) / Double(max(1, flags.count)))
      }
    }
  }
}
