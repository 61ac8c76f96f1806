import Descent
import DescentCompute
import DescentNN
import Foundation

/// A small classifier that says how the images of a generative model look.
///
/// It is a perceptron, trained in memory on the examples that the generative model learns, within
/// about a second, and always to the same weights: the same images are judged alike in every run.
/// What it says depends on it, so its figures compare models of one data set and nothing else.
package final class ImageJudge {
  /// What the judge sees in some images.
  package struct Verdict: Sendable, Equatable {
    /// p(y|x): a row of the probabilities of all classes for each image. Those of an image whose
    /// pixels are not all finite are equal.
    package let probabilities: [[Double]]

    package init(probabilities: [[Double]]) { self.probabilities = probabilities }

    /// The class that each image is read as.
    package var classes: [Int] {
      probabilities.map { row in row.indices.max { row[$0] < row[$1] } ?? 0 }
    }

    /// The share of images that are read as the class they were asked for.
    ///
    /// - Parameter asked: a class for each image.
    package func agreement(with asked: [Int]) -> Double {
      let right = zip(classes, asked).count { $0 == $1 }
      return Double(right) / Double(max(1, probabilities.count))
    }

    /// How sure the judge is: the mean of max p(y|x), from 1/classes to 1.
    package var confidence: Double {
      probabilities.reduce(0) { $0 + ($1.max() ?? 0) } / Double(max(1, probabilities.count))
    }

    /// How many classes the images have, by the judge: e^H of the mean of p(y|x), from 1 to all.
    /// Where a model makes the same image again and again, it is 1.
    package var diversity: Double { exp(Self.entropy(mean)) }

    /// exp(mean of KL(p(y|x) ‖ p(y))), the inception score with this judge in Inception's place: from
    /// 1 to the number of classes, which asks for images that are clear and of all classes. Salimans
    /// et al., 2016, arXiv:1606.03498.
    package var score: Double {
      let single = probabilities.reduce(0) { $0 + Self.entropy($1) }
      return exp(Self.entropy(mean) - single / Double(max(1, probabilities.count)))
    }

    /// p(y), the mean of p(y|x).
    private var mean: [Double] {
      let count = Double(max(1, probabilities.count))
      return (probabilities.first ?? []).indices.map { label in
        probabilities.reduce(0) { $0 + $1[label] } / count
      }
    }

    /// H(p) = −Σ p log p, in nats.
    private static func entropy(_ p: [Double]) -> Double {
      -p.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
    }
  }

  private let network: MLPClassifier
  private let scale: Standardization
  private let classes: Int

  /// The steps of its training, and the examples in each.
  private static let (steps, batch) = (400, 64)

  /// Trains a judge.
  ///
  /// - Parameter examples: images with their classes, of any scale.
  /// - Throws: ``DataError`` where there are none.
  package init(_ examples: ClassificationDataset) throws {
    let order = try BatchOrder(count: examples.count, batch: Self.batch, seed: 1)
    classes = examples.classes
    scale = Standardization(of: examples, per: .dataset)
    var random = RandomStream(seed: 1, stream: RandomPurpose.weights)
    network = try MLPClassifier(
      inputs: examples.exampleSize, hidden: [128], classes: classes, activation: .gelu,
      random: &random)
    let examples = examples.standardized(by: scale)
    let schedule = Cosine(warmup: 20, total: Self.steps)
    let optimizer = try Optimizer(
      OptimizerPlan(
        AdamW(learningRate: 3e-3, weightDecay: 0.05),
        schedules: [(setting: "lr", schedule: schedule)]),
      model: network)
    try Autocast.run(in: .float32) {
      for step in 0..<Self.steps {
        let (x, labels) = examples.examples(at: order.examples(ofBatch: step))
        let tape = Tape()
        let loss = network(x, tape.context()).crossEntropy(labels)
        tape.gradients(of: loss)
        _ = try optimizer.step(network.parameters)
      }
    }
  }

  /// Judges images.
  ///
  /// - Parameter images: of shape [images, ...], in the scale of the examples.
  package func verdict(on images: Tensor) -> Verdict {
    var pixels = images.scalars
    let count = images.shape[0]
    scale.apply(to: &pixels)
    let x = Tensor(shape: [count, pixels.count / max(1, count)], scalars: pixels)
    let p = Autocast.run(in: .float32) { network(x, .inference).softmax().scalars }
    return Verdict(
      probabilities: (0..<count).map { image in
        let row = p[image * classes..<(image + 1) * classes].map(Double.init)
        return row.allSatisfy(\.isFinite)
          ? row : Array(repeating: 1 / Double(classes), count: classes)
      })
  }
}
