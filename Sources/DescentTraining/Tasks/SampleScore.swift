import DescentNN
import Foundation

/// What a classifier says of images that a model has made: whether each is surely something, and
/// whether all classes are there.
///
/// ```
/// quality = exp(mean of KL(p(y|x) ‖ p(y)))        p(y) = mean of p(y|x)
/// ```
/// From 1, where all images look alike or like nothing, to the number of classes, where each is surely
/// of one class and all classes are as frequent: the inception score (Salimans et al.: Improved
/// techniques for training GANs, 2016, arXiv:1606.03498), with a classifier of this data in the place
/// of Inception. Copies of the training examples would reach it too.
public struct SampleScore: Sendable, Equatable {
  /// exp(mean KL), from 1 to the number of classes.
  public let quality: Double
  /// The mean probability of the class that an image is taken for.
  public let confidence: Double
  /// exp(entropy of p(y)): as many classes as are there, counted by how frequent they are.
  public let diversity: Double
  /// How many classes there are.
  public let classes: Int

  /// The score of images from the probabilities of their classes, a row each. NaN where a probability
  /// is.
  public init(probabilities: Tensor) {
    let (p, classes) = (probabilities.scalars, probabilities.shape[1])
    let count = p.count / classes
    var (mean, entropy, sure) = ([Double](repeating: 0, count: classes), 0.0, 0.0)
    // x·log x is 0 at 0; a NaN stays one.
    func term(_ x: Double) -> Double { x == 0 ? 0 : -x * log(x) }
    for row in 0..<count {
      var largest = 0.0
      for j in 0..<classes {
        let x = Double(p[row * classes + j])
        mean[j] += x / Double(count)
        entropy += term(x) / Double(count)
        largest = max(largest, x)
      }
      sure += largest / Double(count)
    }
    let marginal = mean.reduce(0) { $0 + term($1) }
    // mean KL(p(y|x) ‖ p(y)) = H(p(y)) − mean H(p(y|x))
    (quality, diversity) = (exp(marginal - entropy), exp(marginal))
    (confidence, self.classes) = (sure, classes)
  }

  /// By how many nats the quality falls short of the best there can be: log(classes / quality).
  public var loss: Double { log(Double(classes) / quality) }
}
