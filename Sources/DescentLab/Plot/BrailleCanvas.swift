/// Dots, two by four to a character.
struct BrailleCanvas {
  let columns: Int
  let rows: Int
  private var dots: [UInt8]
  /// The lines that pass through each character, a bit each.
  private var owners: [UInt64]

  init(columns: Int, rows: Int) {
    (self.columns, self.rows) = (columns, rows)
    dots = Array(repeating: 0, count: columns * rows)
    owners = Array(repeating: 0, count: columns * rows)
  }

  /// The dot at a place between 0 and 1 on both axes; others lie outside the canvas.
  func dot(_ x: Double, _ y: Double) -> (x: Int, y: Int) {
    func place(_ share: Double, _ count: Int) -> Int {
      share.isNaN ? 0 : Int((min(max(share, -1), 2) * Double(count - 1)).rounded())
    }
    return (place(x, 2 * columns), 4 * rows - 1 - place(y, 4 * rows))
  }

  /// The column of characters at a place between 0 and 1.
  func cell(_ x: Double) -> Int { min(max(dot(x, 0).x / 2, 0), columns - 1) }
  /// The row of characters from the bottom.
  func row(_ y: Double) -> Int { rows - 1 - min(max(dot(0, y).y / 4, 0), rows - 1) }

  /// The dots of a character and the line that it is drawn for: where several pass, each in turn.
  subscript(column: Int, row: Int) -> (dots: Character, owner: Int)? {
    let index = row * columns + column
    guard dots[index] != 0, let scalar = Unicode.Scalar(0x2800 + UInt32(dots[index])) else {
      return nil
    }
    let all = (0..<UInt64.bitWidth).filter { owners[index] >> $0 & 1 == 1 }
    return (Character(scalar), all[column / 2 % all.count])
  }

  /// Sets the dots between two dots.
  mutating func line(from a: (x: Int, y: Int), to b: (x: Int, y: Int), series: Int) {
    let steps = max(abs(b.x - a.x), abs(b.y - a.y), 1)
    for step in 0...steps {
      let share = Double(step) / Double(steps)
      set(
        a.x + Int((share * Double(b.x - a.x)).rounded()),
        a.y + Int((share * Double(b.y - a.y)).rounded()), series)
    }
  }

  private mutating func set(_ x: Int, _ y: Int, _ series: Int) {
    guard x >= 0, y >= 0, x < 2 * columns, y < 4 * rows else { return }
    // The order of the dots in a braille character.
    let bits: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    let index = y / 4 * columns + x / 2
    dots[index] |= bits[y % 4][x % 2]
    owners[index] |= 1 << UInt64(series % UInt64.bitWidth)
  }
}
