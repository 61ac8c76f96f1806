"""Nanoseconds a weight as points on a logarithmic axis, as SVG: optimizers.py --chart FILE.

Points, since such an axis has no zero for a bar to begin at.
"""

import math
from html import escape

COLORS = {"Descent, float32": "#1f5fa8", "Descent, bfloat16": "#5b9bd5", "Descent, int8": "#a9cbea"}
PEER = "#9a9a9a"


def points(groups, title):
  """`groups`: (heading, [(label, value, key)]); the key is one of COLORS, or else a peer."""
  left, width, line, gap, top = 190, 520, 13, 9, 62
  values = [value for _, rows in groups for _, value, _ in rows]
  low, high = math.log10(min(values)) - 0.15, math.log10(max(values)) + 0.1
  x = lambda value: left + width * (math.log10(value) - low) / (high - low)
  height = top + sum(len(rows) * line + gap for _, rows in groups) + 8
  out = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" '
    'font-family="system-ui, sans-serif" font-size="11">',
    '<rect width="100%" height="100%" fill="white"/>',
    f'<text x="12" y="20" font-size="14" font-weight="600">{escape(title)}</text>']
  place = 12
  for key, color in [*COLORS.items(), ("the best peer", PEER)]:
    out.append(f'<circle cx="{place + 5}" cy="35" r="5" fill="{color}"/>')
    out.append(f'<text x="{place + 14}" y="39">{key}</text>')
    place += 34 + 6 * len(key)
  for decade in range(math.floor(low), math.ceil(high)):
    for step in (1, 2, 5):
      value = step * 10.0**decade
      if low < math.log10(value) < high:
        at = f"{x(value):.1f}"
        out.append(f'<line x1="{at}" x2="{at}" y1="{top - 6}" y2="{height - 8}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{at}" y="{top - 9}" text-anchor="middle" fill="#666">{value:g} ns</text>')
  y = top
  for heading, rows in groups:
    middle = y + len(rows) * line / 2 + 4
    out.append(f'<text x="{left - 8}" y="{middle:.1f}" text-anchor="end">{escape(heading)}</text>')
    for label, value, key in rows:
      color = COLORS.get(key, PEER)
      at, across = x(value), y + (line - 2) / 2
      out.append(
        f'<line x1="{left}" x2="{at:.1f}" y1="{across}" y2="{across}" stroke="#bbb" stroke-dasharray="1 3"/>')
      out.append(f'<circle cx="{at:.1f}" cy="{across}" r="4" fill="{color}"/>')
      out.append(f'<text x="{at + 8:.1f}" y="{y + 10}" fill="#444">{escape(label)}</text>')
      y += line
    y += gap
  return "\n".join(out + ["</svg>", ""])
