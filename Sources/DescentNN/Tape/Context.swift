internal import DescentCompute

/// How layers run: as in training or at inference, on a tape or without one, and with which random
/// numbers.
///
/// A context is passed through the layers explicitly and serves one forward pass.
public final class Context {
  /// Whether layers such as dropout and batch normalization behave as they do in training.
  public let training: Bool

  /// Whether this pass repeats an earlier one, so that what must happen only once, such as the update
  /// of running statistics, is left out.
  public let isRepeated: Bool

  let tape: TapeNodes?
  /// Whether operations go onto the tape of ``tape``.
  let records: Bool
  private let seed: UInt64
  private let observer: (any LayerObserver)?
  /// Who sees the units behind ReLUs.
  let units: (any UnitObserver)?
  /// Whether weights stay as they are: none gets a gradient from this pass.
  private let holdsWeights: Bool
  /// The streams of random numbers that were used so far.
  var streams: UInt64
  /// Whether a trainable parameter was used.
  private(set) var usesTrainable = false

  init(
    training: Bool, seed: UInt64, tape: TapeNodes?, observer: (any LayerObserver)? = nil,
    units: (any UnitObserver)? = nil
  ) {
    (self.training, self.seed) = (training, seed)
    (self.tape, self.observer, self.units) = (tape, observer, units)
    (records, isRepeated, streams) = (tape != nil, false, 0)
    holdsWeights = false
  }

  /// A context for a part of a pass that has used `streams` streams of random numbers.
  init(
    partOf other: Context, tape: TapeNodes?, records: Bool, isRepeated: Bool, streams: UInt64
  ) {
    (training, seed) = (other.training, other.seed)
    (observer, units) = (other.observer, other.units)
    holdsWeights = other.holdsWeights
    (self.tape, self.records) = (tape, records)
    (self.isRepeated, self.streams) = (isRepeated, streams)
  }

  /// A context for a part of a pass in which weights stay as they are.
  private init(holdingWeightsOf other: Context) {
    (training, seed, streams) = (other.training, other.seed, other.streams)
    (tape, records) = (other.tape, other.records)
    (observer, units, holdsWeights, isRepeated) = (nil, nil, true, true)
  }

  /// Runs a part of the model as a fixed function: its weights get no gradient and its running
  /// statistics stay, while what goes into it gets its gradient. So the generator of a pair of
  /// adversaries learns through the discriminator.
  ///
  /// Where the same weights are also trained in this pass, use them for that first: their gradient is
  /// complete when the backward pass reaches that use.
  ///
  /// - Parameter body: runs the part with the context that it is given.
  public func holdingWeights<Result>(_ body: (Context) throws -> Result) rethrows -> Result {
    let part = Context(holdingWeightsOf: self)
    defer { streams = part.streams }
    return try body(part)
  }

  /// A context without a tape, in which layers run as at inference.
  public static var inference: Context { Context(training: false, seed: 0, tape: nil) }

  /// A context without a tape, in which layers run as in training and `units` sees what ReLUs answer.
  public static func training(seed: UInt64, units: (any UnitObserver)? = nil) -> Context {
    Context(training: true, seed: seed, tape: nil, units: units)
  }

  /// The value of a parameter, in the format of ``Autocast``; on this context's tape if the parameter is
  /// trainable.
  public func use(_ parameter: Parameter) -> Tensor {
    var x = parameter.value
    if parameter.isTrainable && !holdsWeights {
      usesTrainable = true
      // A pass that does not record still says which parameters it uses.
      let leaf = tape?.leaf(of: parameter)
      x.node = records ? leaf : nil
    }
    return x.cast(to: Autocast.formats.weights)
  }

  /// Passes the output `y` of `layer` on; on a tape, shows the observer of the pass the layer's input
  /// `x` and, when it is known, the gradient of the output.
  ///
  /// Layers that are a product with one weight end with it, so that a ``LayerObserver`` such as K-FAC
  /// can see them.
  public func observed(_ y: Tensor, of layer: any Module, from x: Tensor) -> Tensor {
    guard let observer, observer.observes(layer) else { return y }
    y.whenGradientArrives { [x = x.detached] dy in observer.observe(layer, input: x, gradient: dy) }
    return y
  }

  /// The random numbers for the next use of dropout; nil when nothing is to be dropped.
  public func dropoutMask(_ probability: Float) -> DropoutMask? {
    guard training && probability > 0 else { return nil }
    streams += 1
    return DropoutMask(
      probability: probability, random: RandomStream(seed: seed, stream: streams))
  }
}

/// Watches the inputs of fully connected layers and convolutions, and the gradients of their outputs.
public protocol LayerObserver: AnyObject {
  /// Whether this layer is to be watched in the current pass.
  func observes(_ layer: any Module) -> Bool
  /// Called during the backward pass, once for each use of a layer.
  func observe(_ layer: any Module, input: Tensor, gradient: Tensor)
}
