/// Watches the units behind ReLUs, in passes without a tape.
public protocol UnitObserver: AnyObject {
  /// Called with the output of a ReLU: [batch, channels, height, width], or units in the last axis.
  func observe(_ units: Tensor, of layer: any Module)
}

extension Context {
  /// max(x, 0), the output of `layer`, of which an observer may count the units that are dead.
  public func relu(_ x: Tensor, of layer: any Module) -> Tensor {
    let y = x.relu()
    units?.observe(y.detached, of: layer)
    return y
  }

  /// max(norm(x), 0), in one pass; an observer may count the units of `norm` that are dead.
  public func relu(_ x: Tensor, after norm: BatchNorm) -> Tensor {
    let y = norm.normalized(x, self, rectified: true)
    units?.observe(y.detached, of: norm)
    return y
  }
}
