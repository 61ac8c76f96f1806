import DescentCompute
import DescentNN
import Foundation

/// Makes images of noise with a diffusion model, by DDIM without noise of its own.
///
/// ```
/// ε′ = ε′(xₜ, none) + w·(ε′(xₜ, class) − ε′(xₜ, none))
/// x₀′ = clip((xₜ − √(1 − ᾱₜ)·ε′)/√ᾱₜ, −1, 1)      ε′ ← (xₜ − √ᾱₜ·x₀′)/√(1 − ᾱₜ)
/// xₛ = √ᾱₛ·x₀′ + √(1 − ᾱₛ)·ε′
/// ```
///
/// from t = T down to 0 in equal steps t → s. Song et al.: Denoising diffusion implicit models (2020),
/// arXiv:2010.02502; guidance w: Ho, Salimans (2022), arXiv:2207.12598.
public struct DiffusionSampler {
  /// ε′.
  let model: DiffusionTransformer
  /// ᾱ₀ ... ᾱ_T.
  let signal: [Double]
  /// w: 0 makes images of any class, 1 those that the model has learned for a class, more makes them
  /// plainer.
  let guidance: Double
  /// The steps from noise to an image.
  let steps: Int

  /// The noise that the model sees, guided.
  private func noise(_ x: Tensor, _ t: Int, _ labels: [Int32]) -> Tensor {
    let (count, time) = (labels.count, Double(t) / Double(signal.count - 1))
    let none = [Int32](repeating: Int32(model.classes), count: count)
    func ε(_ x: Tensor, _ labels: [Int32]) -> Tensor {
      model(
        x, times: Array(repeating: time, count: labels.count), labels: IndexTensor(labels),
        .inference)
    }
    if guidance == 0 { return ε(x, none) }
    if guidance == 1 { return ε(x, labels) }
    let both = ε(.concatenated([x, x]), labels + none)
    let (given, free) = (both.narrowed(0, 0..<count), both.narrowed(0, count..<2 * count))
    return free + Float(guidance) * (given - free)
  }

  /// Makes an image of each class that is asked for.
  ///
  /// - Parameters:
  ///   - labels: the classes.
  ///   - random: what the noise follows.
  /// - Returns: images of shape [images, channels, height, width], with pixels of 0 ... 1.
  public func images(_ labels: [Int32], _ random: inout RandomStream) -> Tensor {
    let grid = model.embedding.grid
    var x = Tensor.random(
      [labels.count, grid.channels, grid.height, grid.width], normal: 1, &random)
    let last = signal.count - 1
    let steps = min(steps, last)
    for step in 0..<steps {
      let (t, s) = (last - step * last / steps, last - (step + 1) * last / steps)
      let predicted = noise(x, t, labels)
      x = Self.step(x, predicted, from: signal[t], to: signal[s])
    }
    return (x + 1) / 2
  }

  /// One step of DDIM, from a share ᾱₜ of the image to ᾱₛ.
  package static func step(
    _ x: Tensor, _ noise: Tensor, from now: Double, to next: Double
  ) -> Tensor {
    let (signal, rest) = (Float(now.squareRoot()), Float((1 - now).squareRoot()))
    let (nextSignal, nextRest) = (Float(next.squareRoot()), Float((1 - next).squareRoot()))
    let pixels = zip(x.scalars, noise.scalars).map { x, ε -> Float in
      let clean = (x - rest * ε) / signal
      // What is no number stays so.
      let x0 = clean.isNaN ? clean : min(max(clean, -1), 1)
      return nextSignal * x0 + nextRest * (x - signal * x0) / rest
    }
    return Tensor(shape: x.shape, scalars: pixels)
  }
}
