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

  /// An adapter with the given matrices.
  public init(a: Tensor, b: Tensor, scale: Float, dropout: Float = 0) {
    self.a = Parameter(a, role: .matrix)
    self.b = Parameter(b, role: .matrix)
    (self.scale, self.dropout) = (scale, Dropout(dropout))
  }

  /// r.
  public var rank: Int { a.value.shape[0] }

  /// The matrices, under the names that PEFT gives them in a layer.
  var ownMembers: [Member] {
    [.parameter("lora_A.weight", a), .parameter("lora_B.weight", b)]
  }

  /// What it adds to the weight: s·B·A.
  public var difference: Tensor {
    b.value.detached.product(a.value.detached) * scale
  }

  func added(to y: consuming Tensor, of x: Tensor, _ context: Context) -> Tensor {
    y.addingLowRank(scale, dropout(x, context), context.use(a), context.use(b))
  }
}
