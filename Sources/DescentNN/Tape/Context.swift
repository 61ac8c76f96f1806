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
  private let observer: (any LayerObserver)?

  init(
    training: Bool, seed: UInt64, recorder: Recorder?, observer: (any LayerObserver)? = nil
  ) {
    self.training = training
    self.seed = seed
    self.recorder = recorder
    self.observer = observer
  }

  /// A context without a tape: layers run and nothing is recorded.
  public static var inference: Context { Context(training: false, seed: 0, recorder: nil) }

  /// A context without a tape in which layers run as in training.
  public static func training(seed: UInt64) -> Context {
    Context(training: true, seed: seed, recorder: nil)
  }

  /// The value of a parameter, on this context's tape.
  public func use(_ parameter: Parameter) -> Tensor {
    var x = parameter.value
    x.node = recorder?.leaf(of: parameter)
    return x
  }

  /// Passes a layer's output on; on a tape, shows the observer the layer's input and, when it is
  /// known, the gradient of the output.
  func observed(_ y: Tensor, of layer: any Module, from x: Tensor) -> Tensor {
    guard let observer, observer.observes(layer) else { return y }
    y.whenGradientArrives { [x = x.detached] dy in observer.observe(layer, input: x, gradient: dy) }
    return y
  }

  /// The random numbers of the next use of dropout; nil when nothing is to be dropped.
  public func dropoutMask(_ probability: Float) -> DropoutMask? {
    guard training && probability > 0 else { return nil }
    streams += 1
    return DropoutMask(
      probability: probability, random: RandomStream(seed: seed, stream: streams))
  }
}

/// Someone who wants to see what fully connected layers and convolutions are given, and the
/// gradients of what they give.
public protocol LayerObserver: AnyObject {
  /// Whether this layer is of interest now.
  func observes(_ layer: any Module) -> Bool
  /// Called during the backward pass, once for each use of a layer.
  func observe(_ layer: any Module, input: Tensor, gradient: Tensor)
}
