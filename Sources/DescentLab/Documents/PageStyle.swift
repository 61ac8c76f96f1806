/// How the HTML of documents looks.
package enum PageStyle {
  /// A style sheet: one column of text, wide tables and figures scroll by themselves.
  package static let css = """
    :root { color-scheme: light dark; --ink: #1a1a1a; --pale: #5c5c5c; --line: #d9d9d9;
      --box: #f4f4f4; --link: #00589c; --warn: #fff3df; --paper: \(Palette.paper.light); }
    @media screen and (prefers-color-scheme: dark) {
      :root { --ink: #e6e6e6; --pale: #a3a3a3; --line: #3a3d42; --box: #23262b; --link: #7cc0f5;
        --warn: #3a2f1a; --paper: \(Palette.paper.dark); }
    \(Palette.all.map(\.css).joined(separator: "\n"))
    }
    body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
      font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
    main { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
    h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2rem; }
    h3, h4, h5, h6 { font-size: 1.05rem; margin-top: 1.5rem; }
    a { color: var(--link); }
    p, li, dd { max-width: 44rem; }
    pre { padding: .75rem 1rem; background: var(--box); overflow-x: auto; }
    nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
    .notes, .warnings { padding: 0; list-style: none; }
    .notes li, .warnings li { margin: .5rem 0; padding: .5rem 1rem; background: var(--box); }
    .warnings li { background: var(--warn); } .warnings li::before { content: "Warning: "; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
    dt { color: var(--pale); } dd { margin: 0; }
    .wide { overflow-x: auto; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    caption, figcaption { color: var(--pale); text-align: left; padding: .25rem 0; }
    th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
      text-align: left; vertical-align: top; }
    th { white-space: nowrap; } .right { text-align: right; }
    .figures { display: flex; flex-wrap: wrap; gap: 1rem; }
    figure { flex: 1 1 26rem; min-width: 0; max-width: 40rem; margin: 0; }
    figure svg { display: block; width: 100%; min-width: 26rem; height: auto; }
    @media (max-width: 40rem) { table { font-size: .85rem; } td { min-width: 4rem; } }
    @media print { main { max-width: none; padding: 0; } nav { display: none; }
      figure, tr, li { break-inside: avoid; } h1, h2, h3 { break-after: avoid; }
      figure svg { min-width: 0; } pre { white-space: pre-wrap; } }

    """
}

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
    Palette(light: "#000000", dark: "#ffffff"),
  ]
  static let all = [paper, title, text, detail, frame, grid, minorGrid, band] + series

  /// What turns the colour of a figure's parts into the dark one: a style sheet comes before
  /// attributes.
  var css: String {
    "  figure [fill=\"\(light)\"] { fill: \(dark); } figure [stroke=\"\(light)\"] { stroke: \(dark); }"
  }
}
