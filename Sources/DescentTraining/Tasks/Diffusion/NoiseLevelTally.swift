import DescentNN

/// Adds up squared errors by how much noise there was: the way from an image to noise in ten parts,
/// or in as many as it has steps.
struct NoiseLevelTally {
  private let parts: [ClosedRange<Int>]
  private var sums: [Double]
  private var counts: [Int]

  /// - Parameter steps: T.
  init(steps: Int) {
    let count = min(10, steps)
    parts = (0..<count).map { ($0 * steps / count + 1)...(($0 + 1) * steps / count) }
    (sums, counts) = (Array(repeating: 0, count: count), Array(repeating: 0, count: count))
  }

  /// Adds a batch.
  ///
  /// - Parameters:
  ///   - times: t of each image.
  ///   - found: the noise that was found.
  ///   - noise: the noise that there is.
  mutating func add(_ times: [Int], _ found: Tensor, _ noise: Tensor) {
    let errors = (found - noise).scalars
    let size = errors.count / max(1, times.count)
    for (image, t) in times.enumerated() {
      guard let part = parts.firstIndex(where: { $0.contains(t) }) else { continue }
      sums[part] += errors[image * size..<(image + 1) * size].reduce(0) {
        $0 + Double($1) * Double($1)
      }
      counts[part] += size
    }
  }

  private func loss(_ part: Int) -> Double? {
    counts[part] == 0 ? nil : sums[part] / Double(counts[part])
  }

  /// The parts, with the errors of these and of `old`.
  ///
  /// - Parameter signal: ᾱ₀ ... ᾱ_T.
  func levels(_ old: NoiseLevelTally, signal: [Double]) -> [ImageReport.Level] {
    parts.indices.map { part in
      let times = parts[part]
      return .init(
        times: times, signal: signal[times.upperBound]...signal[times.lowerBound],
        loss: loss(part), oldLoss: old.loss(part))
    }
  }
}
