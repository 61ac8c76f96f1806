import Descent
import DescentTraining

/// Drawings of an environment side by side, from left to right: an episode at a glance.
public struct Filmstrip: Sendable {
  /// What it shows, in a sentence: stands below it.
  public var label: String
  /// The states, in their order.
  public var frames: [TrainingSample.Episode.Frame]

  /// A strip of drawings.
  public init(_ label: String, _ frames: [TrainingSample.Episode.Frame]) {
    (self.label, self.frames) = (label, frames)
  }

  /// The strip for a page: each frame an SVG that is as wide as its place, in the page's colours.
  var html: [String] {
    ["<figure class=\"film\">", "<div>"]
      + frames.map { frame in
        let caption = "step \(grouped(frame.step))"
        return "<figure>\(frame.picture.svg(caption))<figcaption>\(caption)</figcaption></figure>"
      } + ["</div>", "<figcaption>\(label.escaped)</figcaption>", "</figure>"]
  }

  /// What a terminal shows in its place.
  var text: String {
    "\(label) (\(counted(frames.count, "frame")) that pages draw)"
  }

  var json: JSONValue {
    .object([
      ("label", .text(label)), ("frames", .array(frames.map { .integer($0.step) })),
    ])
  }
}

extension EnvironmentPicture {
  /// The drawing as SVG, 120 units wide.
  fileprivate func svg(_ title: String) -> String {
    let scale = 120 / width
    func n(_ x: Double) -> String { short(x, 5) }
    func x(_ x: Double) -> String { n(scale * x) }
    func y(_ y: Double) -> String { n(scale * (height - y)) }
    let drawn = shapes.map { shape -> String in
      switch shape {
      case .line(let from, let to, let width, let tone):
        "<line x1=\"\(x(from.x))\" y1=\"\(y(from.y))\" x2=\"\(x(to.x))\" y2=\"\(y(to.y))\" "
          + "stroke=\"\(tone.color)\" stroke-width=\"\(n(scale * width))\" stroke-linecap=\"round\"/>"
      case .rectangle(let corner, let width, let height, let tone):
        "<rect x=\"\(x(corner.x))\" y=\"\(y(corner.y + height))\" width=\"\(n(scale * width))\" "
          + "height=\"\(n(scale * height))\" fill=\"\(tone.color)\"/>"
      case .circle(let center, let radius, let tone):
        "<circle cx=\"\(x(center.x))\" cy=\"\(y(center.y))\" r=\"\(n(scale * radius))\" "
          + "fill=\"\(tone.color)\"/>"
      }
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 120 \(n(scale * height))\" "
      + "role=\"img\" aria-label=\"\(title.escaped)\">\(drawn.joined())</svg>"
  }
}

extension EnvironmentPicture.Tone {
  /// The colour on light paper, which the style sheet turns into the dark one.
  fileprivate var color: String {
    switch self {
    case .ink: Palette.text.light
    case .accent: Palette.series[1].light
    case .pale: Palette.frame.light
    }
  }
}
