/// How often each of several contestants is within a factor of the best, over several problems (Dolan and
/// Moré, 2002).
///
/// ```
/// ρ_c(τ) = share of problems on which cost_c ≤ τ·(the least cost of all)
/// ```
public struct PerformanceProfile: Sendable {
  /// What a contestant cost on each problem, as a factor of the least; infinite where it failed.
  public let ratios: [[Double]]

  /// The profiles of contestants.
  ///
  /// - Parameter costs: for each contestant the cost on each problem, above 0; nil where it failed.
  public init(costs: [[Double?]]) {
    let problems = costs.first?.count ?? 0
    let least = (0..<problems).map { problem in
      costs.compactMap { $0[problem] }.min() ?? .infinity
    }
    ratios = costs.map { row in
      zip(row, least).map { cost, least in cost.map { $0 == least ? 1 : $0 / least } ?? .infinity }
    }
  }

  /// The share of problems on which a contestant is within a factor of the best.
  public func share(_ contestant: Int, within factor: Double) -> Double {
    let row = ratios[contestant]
    return row.isEmpty ? 0 : Double(row.count { $0 <= factor }) / Double(row.count)
  }
}
