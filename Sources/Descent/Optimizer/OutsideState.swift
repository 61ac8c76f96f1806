/// An array of state that is kept outside a rule's slots: a factor of K-FAC, the history of L-BFGS.
/// With all of them a run goes on as if it had never stopped, to the bit.
public struct OutsideState: Sendable, Equatable {
  /// A name that is unique in the optimizer, for example `A/head`.
  public let name: String
  /// The lengths of its axes.
  public let shape: [Int]
  /// The elements in row-major order.
  public let values: [Double]

  /// An array of state.
  public init(_ name: String, shape: [Int], values: [Double]) {
    (self.name, self.shape, self.values) = (name, shape, values)
  }
}

/// Arrays of outside state by name, taken out one by one.
package struct OutsideStates {
  private var byName: [String: OutsideState]

  package init(_ states: [OutsideState]) {
    byName = Dictionary(states.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// The values called `name`; nil when there are none.
  ///
  /// - Throws: ``OptimizerError/outsideState(name:expected:given:)`` for another shape.
  package mutating func take(_ name: String, shape: [Int]) throws(OptimizerError) -> [Double]? {
    guard let state = byName.removeValue(forKey: name) else { return nil }
    guard state.shape == shape, state.values.count == shape.reduce(1, *) else {
      throw .outsideState(name: name, expected: shape, given: state.shape)
    }
    return state.values
  }

  /// The rows of a matrix of `width` columns called `name`; nil when there is none.
  package mutating func takeRows(_ name: String, width: Int) throws(OptimizerError) -> [[Double]]? {
    guard let rows = byName[name]?.shape.first else { return nil }
    return try take(name, shape: [rows, width]).map { values in
      (0..<rows).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }
  }

  /// Throws when something was not taken, which nobody here knows.
  package func checkEmpty() throws(OptimizerError) {
    if let name = byName.keys.min() {
      throw .outsideState(name: name, expected: nil, given: byName[name]!.shape)
    }
  }
}
