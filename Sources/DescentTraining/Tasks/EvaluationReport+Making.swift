/// How an agent plays with the most likely actions.
public struct AgentReport: Sendable, Equatable {
  /// What it acts in.
  public let environment: String
  /// The sum of the rewards of each episode, in the order of the episodes.
  public let returns: [Double]
  /// The steps of each episode.
  public let steps: [Int]
  /// Episodes that were ended since they did not end.
  public let cutOff: Int
}

/// How good the images are that a model makes, as an ``ImageJudge`` sees them.
public struct ImageReport: Sendable, Equatable {
  /// What the quality is.
  public enum Measure: Sendable, Equatable {
    /// The inception score, from 1 to the number of classes, of images that nobody asked a class of.
    case score
    /// The share of images that are read as the class they were asked for.
    case agreement
  }

  /// Images that are read as a class.
  public struct Class: Sendable, Equatable {
    /// What it is called.
    public let name: String
    /// Whether the model has learned it.
    public let isLearned: Bool
    /// Images that were asked for; nil where none is asked for.
    public let asked: Int?
    /// Of these, or of all, those that are read as the class.
    public let read: Int
    /// The mean probability that the judge gives the class for these; nil where there are none.
    public let confidence: Double?
  }

  /// What the quality is.
  public let measure: Measure
  /// The quality of the images that the model made.
  public let quality: Double
  /// The quality of the real images to validate on.
  public let realQuality: Double
  /// How sure the judge is: the mean of the largest probabilities.
  public let confidence: Double
  /// How many classes the images have, by the judge.
  public let diversity: Double
  /// How many images were judged.
  public let images: Int
  /// The classes, in order.
  public let classes: [Class]
  /// How well noise is found; nil for a model that finds none.
  public let denoising: Denoising?

  /// How well a diffusion model finds the noise in images.
  public struct Denoising: Sendable, Equatable {
    /// The mean squared error on the images to validate on.
    public let loss: Double
    /// The same on classes that were left out; nil where there are none.
    public let oldLoss: Double?
    /// How many images to validate on there are.
    public let examples: Int
    /// The parts of the way from an image to noise, from little noise to much.
    public let levels: [Level]
  }

  /// Times that follow each other, with about as much noise.
  public struct Level: Sendable, Equatable {
    /// The times t.
    public let times: ClosedRange<Int>
    /// ᾱ at the first and the last of them: the image's share of the variance.
    public let signal: ClosedRange<Double>
    /// The mean squared error; nil where no image had such a time.
    public let loss: Double?
    /// The same on classes that were left out.
    public let oldLoss: Double?
  }

  /// What a judge sees in images.
  ///
  /// - Parameters:
  ///   - asked: the class that each image was asked for; nil where none was.
  ///   - names: what the classes are called.
  ///   - learned: the classes that the model has learned.
  init(
    _ verdict: ImageJudge.Verdict, asked: [Int]?, names: [String], learned: Set<Int>,
    quality: Double, realQuality: Double, denoising: Denoising? = nil
  ) {
    let seen = verdict.classes
    measure = asked == nil ? .score : .agreement
    (self.quality, self.realQuality, self.denoising) = (quality, realQuality, denoising)
    (confidence, diversity) = (verdict.confidence, verdict.diversity)
    images = seen.count
    classes = names.indices.map { label in
      let wanted = asked.map { asked in asked.indices.filter { asked[$0] == label } }
      let read = (wanted ?? Array(seen.indices)).filter { seen[$0] == label }
      let sum = read.reduce(0) { $0 + verdict.probabilities[$1][label] }
      return Class(
        name: names[label], isLearned: learned.contains(label), asked: wanted?.count,
        read: read.count, confidence: read.isEmpty ? nil : sum / Double(read.count))
    }
  }
}
