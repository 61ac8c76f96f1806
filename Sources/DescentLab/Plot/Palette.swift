/// The colours of figures: as the SVG has them, for light paper, and what a dark page shows instead.
struct Palette {
  let light: String
  let dark: String

  static let paper = Palette(light: "#ffffff", dark: "#16181b")
  static let title = Palette(light: "#1a1a1a", dark: "#e8e8e8")
  static let text = Palette(light: "#444444", dark: "#c6c6c6")
  static let detail = Palette(light: "#666666", dark: "#a0a0a0")
  static let frame = Palette(light: "#888888", dark: "#7d8085")
  static let grid = Palette(light: "#e4e4e4", dark: "#34373c")
  static let minorGrid = Palette(light: "#f3f3f3", dark: "#24272b")
  static let band = Palette(light: "#3b6a8c", dark: "#8fbcdc")
  /// Colours that people with any colour vision tell apart (Okabe and Ito), darkest first.
  static let series = [
    Palette(light: "#0072B2", dark: "#3aa5e6"), Palette(light: "#D55E00", dark: "#ff8a3d"),
    Palette(light: "#009E73", dark: "#2cc79a"), Palette(light: "#CC79A7", dark: "#e39cc4"),
    Palette(light: "#E69F00", dark: "#f2b632"), Palette(light: "#56B4E9", dark: "#8fd0f7"),
    Palette(light: "#000000", dark: "#fdfdfd"),
  ]
  /// Bands between contour lines, the lowest first: pale, so that lines stand out.
  static let bands = [
    Palette(light: "#fcfdfe", dark: "#17191d"), Palette(light: "#f5f8fa", dark: "#1b1f24"),
    Palette(light: "#eef2f6", dark: "#20252b"), Palette(light: "#e7edf2", dark: "#252b33"),
    Palette(light: "#dfe7ee", dark: "#2a323b"), Palette(light: "#d7e1ea", dark: "#2f3943"),
    Palette(light: "#cfdbe6", dark: "#34404b"), Palette(light: "#c7d5e1", dark: "#3a4753"),
    Palette(light: "#becedc", dark: "#404e5c"), Palette(light: "#b5c7d7", dark: "#465665"),
  ]
  /// Contour lines.
  static let contour = Palette(light: "#9fb3c5", dark: "#566879")
  static let all =
    [paper, title, text, detail, frame, grid, minorGrid, band, contour] + series + bands

  /// What turns the colour of a figure's parts into the dark one: a style sheet comes before
  /// attributes. The selectors name no ancestors, so that they also hold for what `use` repeats.
  var css: String {
    "  [fill=\"\(light)\"] { fill: \(dark); } [stroke=\"\(light)\"] { stroke: \(dark); }"
  }

  /// The colour of a line, as it stands in an attribute.
  static func line(_ index: Int) -> String { series[index % series.count].light }

  /// Dashes that tell lines of one colour apart, the more the later; nil for the first.
  static func dashes(_ index: Int) -> String? {
    let patterns = ["8 3", "3 3", "10 3 3 3"]
    let round = index / series.count
    return round == 0 ? nil : patterns[(round - 1) % patterns.count]
  }
}

/// Colours for values from 0 to 1.
struct Ramp {
  private let anchors: [(Double, Double, Double)]

  /// Dark blue to yellow, even in lightness (matplotlib's viridis): the order also shows to people
  /// of any colour vision and in grey.
  static let sequential = Ramp([
    0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725,
  ])
  /// Blue over white to red.
  static let diverging = Ramp([
    0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xf7f7f7, 0xf4a582, 0xd6604d, 0xb2182b, 0x67001f,
  ])

  private init(_ colors: [Int]) {
    anchors = colors.map { (Double($0 >> 16), Double($0 >> 8 & 255), Double($0 & 255)) }
  }

  /// Red, green and blue.
  subscript(share: Double) -> [UInt8] {
    let place = min(max(share, 0), 1) * Double(anchors.count - 1)
    let index = min(Int(place), anchors.count - 2)
    let (a, b, t) = (anchors[index], anchors[index + 1], place - Double(index))
    return [a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1), a.2 + t * (b.2 - a.2)].map {
      UInt8($0.rounded())
    }
  }
}
