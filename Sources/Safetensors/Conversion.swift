// Conversions from stored elements to Swift's. The loops are branch-free so that they vectorize.

/// Converts `bytes` of another floating-point type `dtype` to `out`; false for other types.
func convert(_ bytes: RawSpan, _ dtype: SafetensorsDType, into out: inout MutableSpan<Float>)
  -> Bool
{
  switch dtype {
  case .f64: convert(bytes, into: &out) { (x: Double) in Float(x) }
  case .f16: convert(bytes, into: &out) { (x: UInt16) in float(half: x) }
  case .bf16: convert(bytes, into: &out) { (x: UInt16) in float(bfloat16: x) }
  default: return false
  }
  return true
}

/// Converts `bytes` of another floating-point type `dtype` to `out`; false for other types.
func convert(_ bytes: RawSpan, _ dtype: SafetensorsDType, into out: inout MutableSpan<Double>)
  -> Bool
{
  switch dtype {
  case .f32: convert(bytes, into: &out) { (x: Float) in Double(x) }
  case .f16: convert(bytes, into: &out) { (x: UInt16) in Double(float(half: x)) }
  case .bf16: convert(bytes, into: &out) { (x: UInt16) in Double(float(bfloat16: x)) }
  default: return false
  }
  return true
}

/// bfloat16 is the upper half of a float.
private func float(bfloat16 bits: UInt16) -> Float {
  Float(bitPattern: UInt32(bits) << 16)
}

/// Half precision has 5 exponent bits with bias 15, a float 8 with bias 127. Moving the fields
/// into place and multiplying by 2¹¹² mends the bias, for subnormal numbers too; an exponent of
/// all ones (infinity, NaN) stays all ones. `Float16` does not exist on every platform.
private func float(half bits: UInt16) -> Float {
  let magnitude = UInt32(bits & 0x7FFF) << 13
  let scaled = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
  let special: UInt32 = magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0
  return Float(bitPattern: scaled | special | UInt32(bits & 0x8000) << 16)
}

@inline(__always)
private func convert<Stored: BitwiseCopyable, Element>(
  _ bytes: RawSpan, into out: inout MutableSpan<Element>, _ body: (Stored) -> Element
) {
  precondition(bytes.byteCount == out.count * MemoryLayout<Stored>.stride)
  for i in out.indices {
    unsafe out[unchecked: i] = body(
      bytes.unsafeLoadUnaligned(
        fromUncheckedByteOffset: i * MemoryLayout<Stored>.stride, as: Stored.self))
  }
}

extension Array where Element: BitwiseCopyable {
  /// An array of `count` elements that `body` must all set; saves clearing memory first.
  @unsafe
  init<E: Error>(
    uninitializedCount count: Int, _ body: (inout MutableSpan<Element>) throws(E) -> Void
  )
    throws(E)
  {
    var failure: E?
    unsafe self.init(unsafeUninitializedCapacity: count) { buffer, initialized in
      var span = unsafe UnsafeMutableBufferPointer(rebasing: buffer[..<count]).mutableSpan
      do throws(E) {
        try body(&span)
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
