/// How the HTML of documents looks.
enum PageStyle {
  /// A style sheet: one column of text; wide tables scroll by themselves, and a shadow at an edge says
  /// that there is more behind it.
  static let css = """
    :root { color-scheme: light dark; --ink: #1a1a1a; --pale: #5c5c5c; --line: #d9d9d9;
      --box: #f4f4f4; --shade: #0005; --link: #00589c; --warn: #fff3df;
      --good: #14692b; --bad: #a4231b; --paper: \(Palette.paper.light);
      --grid: \(Palette.grid.light); --frame: \(Palette.frame.light); }
    @media screen and (prefers-color-scheme: dark) {
      :root { --ink: #e6e6e6; --pale: #a3a3a3; --line: #3a3d42; --box: #23262b; --shade: #fff5; --link: #7cc0f5;
        --warn: #3a2f1a; --good: #74d08a; --bad: #ff9a90;
        --paper: \(Palette.paper.dark); --grid: \(Palette.grid.dark);
        --frame: \(Palette.frame.dark); }
    \(Palette.all.map(\.css).joined(separator: "\n"))
    }
    body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
      font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
    main { max-width: 82rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; overflow-wrap: break-word; }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0 1rem; }
    h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.25rem 0 .75rem; }
    h3, h4, h5, h6 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
    a { color: var(--link); }
    p, li, dd { max-width: 44rem; }
    pre { padding: .75rem 1rem; --under: var(--box); border-radius: 4px; }
    .wide { --under: var(--paper); }
    .wide, pre { overflow-x: auto; background:
      linear-gradient(90deg, var(--under) 50%, transparent) left -1px top / 1.6rem 100% no-repeat local,
      linear-gradient(270deg, var(--under) 50%, transparent) right -1px top / 1.6rem 100% no-repeat local,
      linear-gradient(90deg, var(--shade), transparent) 0 0 / .6rem 100% no-repeat scroll,
      linear-gradient(270deg, var(--shade), transparent) 100% 0 / .6rem 100% no-repeat scroll,
      var(--under); }
    nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
    .notes, .warnings { padding: 0; list-style: none; }
    .notes li, .warnings li { margin: .5rem 0; padding: .5rem 1rem; background: var(--box);
      border-radius: 4px; }
    .warnings li { background: var(--warn); } .warnings li::before { content: "Warning: "; }
    dl { display: grid; grid-template-columns: fit-content(45%) 1fr; gap: .25rem 1.5rem; }
    dt { color: var(--pale); } dd { margin: 0; min-width: 0; }
    .one, .right { white-space: nowrap; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    caption, figcaption { color: var(--pale); text-align: left; padding: .25rem 0; }
    figcaption { font-size: .9rem; max-width: 40rem; }
    th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
      text-align: left; vertical-align: top; }
    th { white-space: nowrap; } .right { text-align: right; } th.right { white-space: normal; }
    td:last-child, th:last-child { padding-right: 0; }
    .under { display: block; font-size: .85em; color: var(--pale); }
    .good, .bad { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
    .open { color: var(--pale); }
    svg.bar { display: block; width: min(30rem, 50vw); height: 1.2em; }
    .key { margin-right: 1rem; white-space: nowrap; } .key svg { width: .8em; height: .8em; }
    .figures { display: grid; gap: 1.5rem 2rem; align-items: start; margin: 1rem 0;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 32rem), 1fr)); }
    @media screen and (min-width: 75rem) { section { display: flow-root; }
      section > .figures:has(> :only-child):not(:last-child) { float: right; clear: right;
        width: 34rem; margin: .25rem 0 1rem 2rem; } }
    figure { position: relative; min-width: 0; margin: 0; }
    figure svg { display: block; width: 100%; height: auto; }
    figure svg.frame { display: inline; } figure .n { display: none; }
    .key[role] { cursor: pointer; } .pad { cursor: crosshair; touch-action: pan-y; }
    .pad:focus-visible, .key:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
    .pad:focus:not(:focus-visible) { outline: none; }
    .cursor { stroke: var(--pale); } .brush { fill: var(--link); fill-opacity: .15; }
    .tip { position: absolute; z-index: 1; pointer-events: none; max-width: 20rem;
      padding: .35rem .5rem; border: 1px solid var(--line); border-radius: 4px;
      background: var(--paper); box-shadow: 0 1px 6px #0003; font-size: .75rem; line-height: 1.35;
      font-variant-numeric: tabular-nums; overflow-wrap: normal; }
    .tip div { display: flex; gap: .4rem; align-items: baseline; white-space: nowrap; }
    .tip i { flex: none; width: .6rem; height: .6rem; border-radius: 50%; }
    .tip span { overflow: hidden; text-overflow: ellipsis; }
    .tip span:last-child { flex: none; margin-left: auto; padding-left: .5rem; }
    .tip .near { font-weight: 600; }
    .reset { position: absolute; top: 0; right: 0; padding: .15rem .6rem; font: inherit;
      font-size: .8rem; color: var(--ink); background: var(--box); border: 1px solid var(--line);
      border-radius: 4px; cursor: pointer; }
    [hidden] { display: none !important; }
    .panels { display: grid; gap: 1rem 1.25rem; align-items: start; margin: 1rem 0;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
    .controls { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
    .controls button, .controls select { font: inherit; padding: .2rem .7rem; color: var(--ink);
      background: var(--box); border: 1px solid var(--line); border-radius: 4px; cursor: pointer; }
    .controls label { display: flex; gap: .5rem; align-items: center; }
    .controls label.at { flex: 1 1 14rem; max-width: 34rem; } .controls input { flex: 1; min-width: 6rem; }
    .controls output { font-variant-numeric: tabular-nums; min-width: 6.5em; }
    .drag { cursor: move; touch-action: none; }
    .drag:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
    .pictures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
    .pictures img { display: block; max-width: 100%; image-rendering: pixelated;
      border: 1px solid var(--line); }
    .pictures figcaption { max-width: 10rem; font-size: .8rem; }
    .film { margin: 1rem 0; } .film > div { display: grid; gap: .5rem .75rem; max-width: 64rem;
      grid-template-columns: repeat(auto-fill, minmax(min(45%, 8.5rem), 1fr)); }
    .film svg { border: 1px solid var(--line); }
    summary { cursor: pointer; } summary > * { display: inline; }
    @media (max-width: 36rem) { main { padding: .5rem .75rem 2rem; } table { font-size: .85rem; }
      td { white-space: nowrap; } td.long { white-space: normal; min-width: 11rem; }
      pre { white-space: pre-wrap; padding: .6rem .75rem; } .part { display: block; padding-left: 1.5rem; }
      figure .w { display: none; } figure .n { display: block; } }
    @page { margin: 14mm; }
    @media print { main { max-width: none; padding: 0; } nav { display: none; }
      .figures, .panels { grid-template-columns: 1fr 1fr; gap: 1rem 1.5rem; }
      .controls { display: none; }
      figure .w { display: none; } figure .n { display: block; }
      table { font-size: .8rem; } th, .right, .under, .one { white-space: normal; }
      figure, tr, li { break-inside: avoid; } h1, h2, h3, summary { break-after: avoid; }
      a { color: inherit; text-decoration: none; } pre { white-space: pre-wrap; }
      details::details-content { content-visibility: visible; block-size: auto; }
      summary { list-style: none; } .wide, pre { overflow: visible; background: none; }
      pre { border: 1px solid var(--line); } .tip, .reset { display: none; } }

    """
}
