internal import Descent

/// A map of low rank that is learned beside the frozen weight of a linear layer.
///
/// ```
/// y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ        s = α/r, or α/√r
/// ```
///
/// Hu et al.: LoRA: Low-rank adaptation of large language models (2021), arXiv:2106.09685; the second
/// form of s is that of rsLoRA, Kalajdzievski (2023), arXiv:2312.03732.
public final class LoRA {
  /// A, of shape [rank, inputs].
  public let a: Parameter
  /// B, of shape [outputs, rank].
  public let b: Parameter
  /// s.
  public let scale: Float
  /// The dropout of what goes into A.
  public let dropout: Dropout

  /// The first matrices, where what they add was taken out of the weight.
  var start: (a: Tensor, b: Tensor)?

  /// An adapter with the given matrices.
  public init(a: Tensor, b: Tensor, scale: Float, dropout: Float = 0) {
    self.a = Parameter(a, role: .matrix)
    self.b = Parameter(b, role: .matrix)
    (self.scale, self.dropout) = (scale, Dropout(dropout))
  }

  /// r.
  public var rank: Int { a.value.shape[0] }

  /// What it adds to the weight: s·B·A, of shape [outputs, inputs].
  public var difference: Tensor { b.value.product(a.value) * scale }

  /// Whether it adds nothing, as before the first step of training: B is zero.
  public var isZero: Bool { b.value.scalars.allSatisfy { $0 == 0 } }

  /// The matrices that, added to the weight as its file has it, give the same: twice the rank where the
  /// first ones were taken out of it.
  var forOriginalWeight: (a: Tensor, b: Tensor) {
    guard let start else { return (a.value, b.value) }
    return (
      .concatenated([a.value, start.a], axis: 0), .concatenated([b.value, -start.b], axis: 1)
    )
  }

  /// What its matrices are called in a layer, as by PEFT.
  static let names = (a: "lora_A.weight", b: "lora_B.weight")

  /// The matrices.
  var ownMembers: [Member] { [.parameter(Self.names.a, a), .parameter(Self.names.b, b)] }

  func added(to y: consuming Tensor, of x: Tensor, _ context: Context) -> Tensor {
    y.addingLowRank(scale, dropout(x, context), context.use(a), context.use(b))
  }
}
