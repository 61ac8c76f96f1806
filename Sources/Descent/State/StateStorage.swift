/// How optimizer state is kept between steps. A rule never knows: its state is decoded, block by
/// block, into the cache, and encoded again after the update.
///
/// | format | bytes an element | |
/// |---|---|---|
/// | `float32` | 4 | |
/// | `bfloat16` | 2 | rounded to the nearest, ties to even |
/// | `int8` | 1 + 4/256 | codes (``Codes``), a scale for 256 elements |
///
/// Whatever the format, slots that other state or weights are rebuilt from (Schedule-Free's z,
/// Prodigy's p0) and slots with a shape of their own stay in float32. So does the `int8` state of
/// exempt parameters, where numbers would share a scale with others unlike them; in `bfloat16`
/// each has its own. ``Optimizer/stateSlots`` lists what became of each slot.
///
/// Dettmers et al.: 8-bit Optimizers via Block-wise Quantization, 2022, arXiv:2110.02861.
public struct StateStorage: Configurable, Equatable {
  /// The formats.
  public enum Format: String, CaseIterable, Sendable { case float32, bfloat16, int8 }

  /// How a number gets its 8-bit code.
  public enum Codes: String, CaseIterable, Sendable {
    /// Those of the tapered maps (``TaperedMap``), which withstand gradients far above the others
    /// of their block.
    case tapered
    /// The nearest value of bitsandbytes' map (``DynamicMap``), as on its GPUs; halfway, the lower
    /// code.
    case nearest
    /// The 65,536-step table of bitsandbytes 0.50 on the CPU, for parity with it: an exact zero
    /// beside other numbers becomes a small positive one.
    case table
  }

  /// The format.
  public var format = Format.float32
  /// Parameters with fewer elements keep float32 state in place of `int8`.
  public var minimum = 4096
  /// Parameters with these roles keep float32 state in place of `int8`: rows of an embedding that are rarely used have
  /// moments far below those of the others in their block.
  public var exempt: [ParameterRole] = [.embedding]
  /// The codes of `int8`.
  public var codes = Codes.tapered

  public init() {}

  /// State in `format`, with the customary exemptions.
  public init(_ format: Format) { self.format = format }

  public static let name = "state"
  public static let settings: [Setting<StateStorage>] = [
    .choice("state", \.format, "format of the optimizer's state", source: "ours"),
    .integer(
      "state_minimum", \.minimum, .atLeast(0), "fewer elements keep float32 state in place of int8",
      source: "bitsandbytes"),
    .choices(
      "state_exempt", \.exempt, "roles of parameters that keep float32 state in place of int8",
      source: "bitsandbytes"),
    .choice(
      "state_codes", \.codes,
      "codes of int8; nearest and table are those of bitsandbytes on GPUs and on the CPU",
      source: "ours"),
  ]

  /// The format of a slot of a parameter, and why if it is not ``format``.
  func format(of slot: Slot, for parameter: ParameterInfo) -> (Format, exemption: String?) {
    if format == .float32 { return (.float32, nil) }
    if slot.shape != nil { return (.float32, "has a shape of its own") }
    if slot.range == .exact { return (.float32, "must be exact") }
    if format == .bfloat16 { return (.bfloat16, nil) }
    if parameter.count < minimum { return (.float32, "fewer than \(minimum) elements") }
    if exempt.contains(parameter.role) { return (.float32, "role \(parameter.role.rawValue)") }
    return (format, nil)
  }

  /// The default codes of numbers of either sign, or of those that are never negative.
  package static func book(signed: Bool) -> Codebook {
    StateStorage().codebook(signed ? .signed : .nonnegative)
  }

  /// The codes of a slot's values.
  func codebook(_ range: Slot.Range) -> Codebook {
    switch (codes, range) {
    case (.tapered, .nonnegative): TaperedMap.unsignedBook
    case (.tapered, .largest): TaperedMap.largestBook
    case (.tapered, _): TaperedMap.signedBook
    case (.nearest, .nonnegative), (.nearest, .largest): DynamicMap.unsignedNearest
    case (.nearest, _): DynamicMap.signedNearest
    case (.table, .nonnegative), (.table, .largest): DynamicMap.unsignedTable
    case (.table, _): DynamicMap.signedTable
    }
  }
}

/// What became of one slot of one parameter's state.
public struct StateSlot: Sendable, Equatable {
  /// The parameter's name.
  public let parameter: String
  /// The slot's name.
  public let slot: String
  /// The format it is kept in.
  public let format: StateStorage.Format
  /// Why it is not the format that was asked for; nil when it is.
  public let exemption: String?
  /// The bytes it takes.
  public let bytes: Int
}
