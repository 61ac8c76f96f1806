import Descent
import DescentNN

/// How much the gradient of a batch is noise, from the gradients gᵢ of k parts with bᵢ examples each,
/// N = Σbᵢ in all.
///
/// ```
/// ḡ = Σ bᵢ·gᵢ/N
/// T = Σ bᵢ·‖gᵢ − ḡ‖²/(k−1)          tr Σ, the variance that the gradient of one example has
/// norm_test   = T/N / ‖ḡ‖²          the relative variance of ḡ
/// snr         = (‖ḡ‖² − T/N) / (T/N)
/// noise_scale = T / (‖ḡ‖² − T/N)    examples whose gradient is as much signal as noise
/// ```
/// T and ‖ḡ‖² − T/N are unbiased for tr Σ and ‖∇L‖². For parts of one size b, where s² is the variance
/// of the gᵢ by element, T/N = ‖s²‖₁/k: the norm test of Byrd, Chin, Nocedal, Wu (2012), which asks for
/// norm_test ≤ θ² with θ below 1 and lets a batch grow that fails it. noise_scale is the simple noise
/// scale of McCandlish et al. (2018, arXiv:1812.06162) with their estimates from the batch sizes b and N.
/// snr is below 1 where a batch is more noise than signal; estimates of a signal that is next to nothing
/// are about 0, and may be negative. Where the signal is not above 0, noise_scale is left out.
///
/// The parts are the micro-batches of the step, where it has several: N is then the step's batch. Else
/// they are drawn for the purpose, each an `instruments.parts`-th of a batch, from the training part by
/// numbers that no step uses: ḡ is then an estimate of the same gradient from as many examples.
public struct GradientNoise: Sendable {
  /// ‖ḡ‖²
  public var squaredMean: Double
  /// T
  public var trace: Double
  /// N
  public var weight: Double

  /// `norm_test`
  public var normTest: Double { trace / weight / squaredMean }
  /// `snr`
  public var signalToNoise: Double { (squaredMean - trace / weight) / (trace / weight) }
  /// `noise_scale`; nil where no signal is left.
  public var noiseScale: Double? {
    let signal = squaredMean - trace / weight
    return signal > 0 ? trace / signal : nil
  }

  /// Takes gradients one after another (Welford).
  public struct Accumulator {
    private var means: [Tensor]
    private var deviations: [Double]
    private var weight = 0.0
    private var count = 0

    /// For gradients of these shapes.
    public init(shapes: [[Int]]) {
      means = shapes.map(Tensor.zeros)
      deviations = shapes.map { _ in 0 }
    }

    /// Takes the gradients of a part of `weight` examples; nil is a tensor of zeros.
    public mutating func add(_ gradients: [Tensor?], weight b: Double) {
      (weight, count) = (weight + b, count + 1)
      let share = Float(b / weight)
      for (index, gradient) in gradients.enumerated() {
        var sum = 0.0
        let g = gradient ?? Tensor.zeros(means[index].shape)
        g.withSpan { g in
          means[index].withMutableSpan { mean in
            for i in mean.indices {
              let before = g[i] - mean[i]
              mean[i] += share * before
              sum += Double(before) * Double(g[i] - mean[i])
            }
          }
        }
        deviations[index] += b * sum
      }
    }

    /// The noise of each tensor; empty before the second part.
    public var tensors: [GradientNoise] {
      guard count > 1 else { return [] }
      return zip(means, deviations).map { mean, deviation in
        GradientNoise(
          squaredMean: mean.sumOfSquares,
          trace: deviation / Double(count - 1), weight: weight)
      }
    }
  }
}

extension [GradientNoise] {
  /// That of all tensors as one.
  var total: GradientNoise? {
    first.map { first in
      GradientNoise(
        squaredMean: reduce(0) { $0 + $1.squaredMean }, trace: reduce(0) { $0 + $1.trace },
        weight: first.weight)
    }
  }
}

extension Tensor {
  /// ‖x‖², in float64.
  var sumOfSquares: Double { dot(self) }

  /// ⟨x, y⟩, in float64.
  func dot(_ other: Tensor) -> Double {
    withSpan { x in
      other.withSpan { y in
        var total = 0.0
        for i in x.indices { total += Double(x[i]) * Double(y[i]) }
        return total
      }
    }
  }
}
