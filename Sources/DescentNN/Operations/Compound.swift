// Shorter ways to write arithmetic.

extension Tensor {
  /// c + x.
  public static func + (c: Float, x: Tensor) -> Tensor { x + c }
  /// c − x.
  public static func - (c: Float, x: Tensor) -> Tensor { -x + c }
  /// c / x, element by element.
  public static func / (c: Float, x: Tensor) -> Tensor { Tensor(c) / x }

  /// x ← x + y.
  public static func += (x: inout Tensor, y: Tensor) { x = x + y }
  /// x ← x − y.
  public static func -= (x: inout Tensor, y: Tensor) { x = x - y }
  /// x ← x·y, element by element.
  public static func *= (x: inout Tensor, y: Tensor) { x = x * y }
  /// x ← x / y, element by element.
  public static func /= (x: inout Tensor, y: Tensor) { x = x / y }
  /// x ← x + c.
  public static func += (x: inout Tensor, c: Float) { x = x + c }
  /// x ← x − c.
  public static func -= (x: inout Tensor, c: Float) { x = x - c }
  /// x ← c·x.
  public static func *= (x: inout Tensor, c: Float) { x = x * c }
  /// x ← x / c.
  public static func /= (x: inout Tensor, c: Float) { x = x / c }
}
