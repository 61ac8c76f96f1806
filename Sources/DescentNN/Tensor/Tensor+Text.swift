internal import DescentCompute

extension Tensor: CustomStringConvertible {
  /// The shape and the elements, row by row, in columns; of more than a thousand only those at the ends of
  /// each dimension.
  ///
  /// ```
  /// Tensor[2, 3]
  /// [[ 1.0, -2.5,  3.0],
  ///  [ 0.5,  0.0, 10.0]]
  /// ```
  public var description: String {
    let text = TensorText(shape, isShort: count > 1000) { [elements] in elements[$0] }
    return "Tensor\(shape)\(rank > 1 ? "\n" : " ")\(text.text)"
  }
}

extension IndexTensor: CustomStringConvertible {
  /// The shape and the numbers, as those of a ``Tensor``.
  public var description: String {
    let text = TensorText(shape, isShort: scalars.count > 1000) { [scalars] in "\(scalars[$0])" }
    return "IndexTensor\(shape)\(shape.count > 1 ? "\n" : " ")\(text.text)"
  }
}

/// Numbers as nested rows.
private struct TensorText {
  /// How many are shown at each end of a dimension that is shortened.
  private static let edge = 3

  private(set) var text = ""
  private let shape: [Int]
  private let isShort: Bool

  /// Numbers of four decimals at most, or where some are too large or too small for that with an exponent.
  init(_ shape: [Int], isShort: Bool, _ number: (Int) -> Float) {
    self.init(shape, isShort: isShort)
    var shown: [Float] = []
    forEach { if let place = $0 { shown.append(number(place)) } }
    let format = NumberColumn(shown)
    self.init(shape, isShort: isShort) { format.text(number($0)) }
  }

  init(_ shape: [Int], isShort: Bool, _ cell: (Int) -> String) {
    self.init(shape, isShort: isShort)
    var cells: [String] = []
    forEach { cells.append($0.map(cell) ?? "…") }
    let width = cells.reduce(0) { max($0, $1.count) }
    var next = cells.makeIterator()
    text = rows(0, &next, width)
  }

  private init(_ shape: [Int], isShort: Bool) { (self.shape, self.isShort) = (shape, isShort) }

  /// The places of a dimension that are shown; nil for those left out.
  private func places(_ d: Int) -> [Int?] {
    let n = shape[d]
    guard isShort, n > 2 * Self.edge else { return Array(0..<n) }
    return Array(0..<Self.edge) + [nil] + Array(n - Self.edge..<n)
  }

  /// Calls `body` with where each number lies, in the order of the text; nil for what is left out.
  private func forEach(_ body: (Int?) -> Void) {
    func visit(_ d: Int, _ start: Int) {
      if d == shape.count { return body(start) }
      let stride = shape[(d + 1)...].reduce(1, *)
      for place in places(d) {
        if let place { visit(d + 1, start + place * stride) } else { body(nil) }
      }
    }
    visit(0, 0)
  }

  private func rows(_ d: Int, _ cells: inout IndexingIterator<[String]>, _ width: Int) -> String {
    func cell() -> String {
      let text = cells.next() ?? ""
      return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    if d == shape.count { return cell() }
    let isLast = d == shape.count - 1
    var parts: [String] = []
    for place in places(d) {
      if place == nil {
        _ = cells.next()
        parts.append("…")
      } else {
        parts.append(rows(d + 1, &cells, width))
      }
    }
    let between =
      isLast
      ? ", "
      : "," + String(repeating: "\n", count: shape.count - 1 - d)
        + String(repeating: " ", count: d + 1)
    return "[" + parts.joined(separator: between) + "]"
  }
}

/// One way to write all numbers of a tensor.
private struct NumberColumn {
  private var usesExponents = false
  private var decimals = 1

  init(_ numbers: [Float]) {
    let sizes = numbers.filter { $0.isFinite && $0 != 0 }.map { abs(Double($0)) }
    guard let largest = sizes.max(), let smallest = sizes.min() else { return }
    usesExponents = largest >= 1e8 || (smallest < 1e-4 && largest < 1) || largest < 1e-3
    if usesExponents { return }
    // As many decimals as the numbers have, at most four.
    for number in numbers where number.isFinite {
      let fraction = Self.fixed(Double(number), 4).suffix(4)
      let zeros = fraction.reversed().prefix { $0 == "0" }.count
      decimals = max(decimals, 4 - zeros)
    }
  }

  func text(_ number: Float) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    return usesExponents ? Self.scientific(Double(number)) : Self.fixed(Double(number), decimals)
  }

  /// A number below 10⁸ with so many decimals.
  private static func fixed(_ number: Double, _ decimals: Int) -> String {
    let unit = (0..<decimals).reduce(1) { unit, _ in unit * 10 }
    let whole = Int((abs(number) * Double(unit)).rounded())
    let fraction = String(whole % unit)
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return (number < 0 ? "-" : "") + "\(whole / unit).\(zeros)\(fraction)"
  }

  /// A number with four digits and an exponent.
  private static func scientific(_ number: Double) -> String {
    if number == 0 { return "0.000e+00" }
    var (size, exponent) = (abs(number), 0)
    while size >= 10 { (size, exponent) = (size / 10, exponent + 1) }
    while size < 1 { (size, exponent) = (size * 10, exponent - 1) }
    if (size * 1000).rounded() >= 10_000 { (size, exponent) = (size / 10, exponent + 1) }
    let digits = String(abs(exponent))
    return (number < 0 ? "-" : "") + fixed(size, 3) + (exponent < 0 ? "e-" : "e+")
      + (digits.count < 2 ? "0" : "") + digits
  }
}
