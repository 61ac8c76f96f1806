internal import DescentCompute

/// How layers run: for training or not, on a tape or not, and with which random numbers.
///
/// A context is passed through the layers explicitly and used for one forward pass.
public final class Context {
  /// Whether layers such as dropout and batch normalization behave as in training.
  public let training: Bool

  private let recorder: Recorder?
  private let seed: UInt64
  private var streams: UInt64 = 0

  init(training: Bool, seed: UInt64, recorder: Recorder?) {
    self.training = training
    self.seed = seed
    self.recorder = recorder
  }

  /// A context without a tape: layers run and nothing is recorded.
  public static var inference: Context { Context(training: false, seed: 0, recorder: nil) }

  /// The value of a parameter, on this context's tape.
  public func use(_ parameter: Parameter) -> Tensor {
    var x = parameter.value
    x.node = recorder?.leaf(of: parameter)
    return x
  }

  /// The random numbers of the next use of dropout; nil when nothing is to be dropped.
  public func dropoutMask(_ probability: Float) -> DropoutMask? {
    guard training && probability > 0 else { return nil }
    streams += 1
    return DropoutMask(
      probability: probability, random: RandomStream(seed: seed, stream: streams))
  }
}
