import Foundation

/// A small picture of pixels: a digit that was taken for another.
public struct Picture: Sendable {
  /// Stands below it.
  public var label: String
  /// In pixels.
  public let width: Int
  /// In pixels.
  public let height: Int
  /// Row by row: one grey value for each pixel, or red, green and blue.
  public let pixels: [UInt8]

  /// A picture in greys; nil unless there is one value for each pixel.
  public init?(_ label: String, width: Int, height: Int, grey pixels: [UInt8]) {
    self.init(label, width: width, height: height, values: 1, pixels)
  }

  /// A picture in colours; nil unless there are three values for each pixel.
  public init?(_ label: String, width: Int, height: Int, rgb pixels: [UInt8]) {
    self.init(label, width: width, height: height, values: 3, pixels)
  }

  private init?(_ label: String, width: Int, height: Int, values: Int, _ pixels: [UInt8]) {
    guard (1...16384).contains(width), (1...16384).contains(height),
      width * height * values == pixels.count
    else { return nil }
    (self.label, self.width, self.height, self.pixels) = (label, width, height, pixels)
  }

  /// Whether it has colours.
  public var isColored: Bool { pixels.count == 3 * width * height }

  /// The picture with each pixel as a square of `scale` × `scale`.
  public func enlarged(by scale: Int) -> Picture {
    let size = isColored ? 3 : 1
    var large: [UInt8] = []
    for y in 0..<height {
      let row = (0..<width).flatMap { x -> [UInt8] in
        let pixel = pixels[(y * width + x) * size..<(y * width + x + 1) * size]
        return (0..<scale).flatMap { _ in pixel }
      }
      for _ in 0..<scale { large += row }
    }
    return Picture(label, width: width * scale, height: height * scale, values: size, large) ?? self
  }

  private var png: PNG {
    PNG(width: width, height: height, kind: isColored ? .rgb : .grey, rows: pixels)
  }

  /// The bytes of a PNG file.
  public var file: [UInt8] { png.bytes }

  /// The picture as a file in a URL.
  var dataURL: String { png.dataURL }

  /// The picture in half blocks, two rows of pixels to a line, at most `columns` wide.
  func lines(columns: Int, isColored: Bool) -> [String] {
    let every = max(1, (width + columns - 1) / columns)
    let (w, h) = ((width + every - 1) / every, (height + every - 1) / every)
    func pixel(_ x: Int, _ y: Int) -> [Int]? {
      guard y < h else { return nil }
      let at = y * every * width + x * every
      if self.isColored { return (0..<3).map { Int(pixels[3 * at + $0]) } }
      return Array(repeating: Int(pixels[at]), count: 3)
    }
    let shades: [Character] = [" ", "░", "▒", "▓", "█"]
    return stride(from: 0, to: h, by: 2).map { y in
      (0..<w).map { x in
        let (above, below) = (pixel(x, y) ?? [0, 0, 0], pixel(x, y + 1))
        guard isColored else {
          let mean = (above.reduce(0, +) + (below ?? above).reduce(0, +)) / 6
          return String(shades[min(4, mean * 5 / 256)])
        }
        let front = above.map(String.init).joined(separator: ";")
        let back = (below ?? above).map(String.init).joined(separator: ";")
        return "\u{1B}[38;2;\(front);48;2;\(back)m▀"
      }.joined() + (isColored ? "\u{1B}[0m" : "")
    }
  }
}

/// A PNG file, not compressed: small pictures do not get much smaller.
struct PNG {
  let bytes: [UInt8]

  enum Kind: UInt8 {
    case grey = 0
    case rgb = 2
    case indexed = 3
  }

  init(width: Int, height: Int, kind: Kind, rows: [UInt8], more: [(String, [UInt8])] = []) {
    let length = width * (kind == .rgb ? 3 : 1)
    var raw: [UInt8] = []
    raw.reserveCapacity((length + 1) * height)
    for row in 0..<height {
      raw.append(0)
      raw += rows[(row * length)..<((row + 1) * length)]
    }
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    let header = Self.number(width) + Self.number(height) + [8, kind.rawValue, 0, 0, 0]
    for (name, data) in [("IHDR", header)] + more + [("IDAT", Self.stored(raw)), ("IEND", [])] {
      let body = Array(name.utf8) + data
      file += Self.number(data.count) + body + Self.number(Int(Self.checksum(body)))
    }
    bytes = file
  }

  /// A picture of at most 256 colours, one of which may be clear.
  static func indexed(
    width: Int, height: Int, _ pixels: [UInt8], _ colors: [UInt8], clear: Int?
  ) -> PNG {
    var more = [("PLTE", colors)]
    if let clear { more.append(("tRNS", Array(repeating: 255, count: clear) + [0])) }
    return PNG(width: width, height: height, kind: .indexed, rows: pixels, more: more)
  }

  /// The file as a URL.
  var dataURL: String { "data:image/png;base64," + Data(bytes).base64EncodedString() }

  private static func number(_ n: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: n >> $0) }
  }

  /// The zlib format (RFC 1950) with stored blocks, and Adler's checksum.
  private static func stored(_ data: [UInt8]) -> [UInt8] {
    var (result, start): ([UInt8], Int) = ([0x78, 0x01], 0)
    repeat {
      let end = min(start + 65535, data.count)
      let count = end - start
      result += [end == data.count ? 1 : 0, UInt8(count & 255), UInt8(count >> 8)]
      result += [UInt8(~count & 255), UInt8(~count >> 8 & 255)]
      result += data[start..<end]
      start = end
    } while start < data.count
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in data { (a, b) = ((a + UInt32(byte)) % 65521, (b + a + UInt32(byte)) % 65521) }
    return result + number(Int(b << 16 | a))
  }

  /// CRC-32, as PNG has it.
  private static func checksum(_ data: [UInt8]) -> UInt32 {
    var crc: UInt32 = .max
    for byte in data { crc = crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 255)] }
    return ~crc
  }

  private static let table: [UInt32] = (0..<256).map { n in
    (0..<8).reduce(UInt32(n)) { c, _ in c & 1 == 1 ? 0xEDB8_8320 ^ c >> 1 : c >> 1 }
  }
}
