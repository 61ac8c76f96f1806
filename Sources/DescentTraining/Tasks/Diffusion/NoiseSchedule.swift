import Foundation

/// How much of an image is left after t of T steps of noise.
public enum NoiseSchedule: String, Sendable, CaseIterable {
  /// ᾱₜ = f(t)/f(0) with f(t) = cos²(π/2·(t/T + s)/(1 + s)) and s = 0.008, where no step takes more than
  /// 0.999. Nichol, Dhariwal: Improved denoising diffusion probabilistic models (2021),
  /// arXiv:2102.09672.
  case cosine
  /// ᾱₜ = Π (1 − βᵢ), where β rises linearly from 0.1/T to 20/T, at most 0.999. Ho et al.: Denoising
  /// diffusion probabilistic models (2020), arXiv:2006.11239, with T = 1000.
  case linear

  /// ᾱ₀ ... ᾱ_T, from 1 on falling.
  ///
  /// - Parameter steps: T, at least 1.
  public func signal(steps: Int) -> [Double] {
    let count = Double(steps)
    func f(_ t: Int) -> Double {
      let x = cos(.pi / 2 * (Double(t) / count + 0.008) / 1.008)
      return x * x
    }
    var signal = [1.0]
    for t in 1...max(1, steps) {
      let β =
        switch self {
        case .cosine: 1 - f(t) / f(t - 1)
        case .linear: (0.1 + 19.9 * Double(t - 1) / max(1, count - 1)) / count
        }
      signal.append(signal[t - 1] * (1 - min(β, 0.999)))
    }
    return signal
  }
}
