/// What makes the figures of a page answer to the pointer and the keyboard.
package enum FigureScript {
  /// Plain JavaScript. A frame is an SVG in an SVG whose `viewBox` is what it shows of its content:
  /// 4000 units wide and 2000 high. All figures with one label of the horizontal axis share the
  /// cursor and the stretch that they show; a line is hidden everywhere by its name. What is hidden
  /// and shown is kept when a part of the page is replaced: `descentFigures(root)` then prepares the
  /// new part.
  static let source = [helpers, frame, page].joined(separator: "\n\n")

  /// Axes, numbers, and what the drawings hold.
  private static let helpers = #"""
    (() => {
      "use strict";
      if (window.descentFigures) return;
      const W = 4000, H = 2000, svgNS = "http://www.w3.org/2000/svg";
      const zooms = new Map();   // label of an axis -> [from, to], values
      const hidden = new Set();  // names of lines
      const frames = new Set();
      let dragging = null, pinned = null;

      const axis = text => {
        const [lo, hi, log] = text.split(" ");
        const f = log ? Math.log10 : v => v, a = f(+lo), b = f(+hi);
        // Halves, so that the longest range is finite, too.
        const at = u => (1 - u) * a + u * b;
        return {
          log: !!log, lo: +lo, hi: +hi,
          place: v => (f(v) / 2 - a / 2) / (b / 2 - a / 2),
          value: u => log ? 10 ** at(u) : at(u),
        };
      };
      const element = (name, attributes, parent, text) => {
        const node = document.createElementNS(svgNS, name);
        for (const key in attributes) node.setAttribute(key, attributes[key]);
        if (text !== undefined) node.textContent = text;
        return parent.appendChild(node);
      };
      const number = (v, span) => {
        if (v === 0) return "0";
        const size = Math.abs(v);
        const digits = span > 0 ? Math.ceil(Math.log10(size / span)) + 4 : 4;
        const n = Math.min(15, Math.max(3, digits || 4));
        const text = size >= 1e-3 && size < 1e7
          ? String(+v.toPrecision(n)) : v.toExponential(Math.min(3, n - 1)).replace("e+", "e");
        return text.replace(/^-/, "−");
      };

      // The points of a path that Descent wrote: M x y, then l with pairs, or M x y h0 for a dot.
      const points = path => {
        if (path.points) return path.points;
        const result = [];
        for (const run of path.getAttribute("d").split("M").slice(1)) {
          const n = (run.match(/-?\d+/g) || []).map(Number);
          let x = n[0], y = n[1];
          result.push([x, y]);
          if (run.includes("h0")) continue;
          for (let i = 2; i + 1 < n.length; i += 2) result.push([x += n[i], y += n[i + 1]]);
          result.push(null);
        }
        const places = result.filter(p => p);
        path.isSorted = places.every((p, i) => i === 0 || places[i - 1][0] <= p[0]);
        path.isDots = path.getAttribute("d").includes("h0");
        return path.points = result;
      };
      // The height of a line at u, between its neighbours; null in a gap.
      const height = (path, u) => {
        const all = points(path);
        let best = null, near = path.isDots ? 40 : 0, i = 0;
        if (path.isSorted) {  // where the line reaches u, found by halves
          let to = all.length;
          while (to - i > 8) {
            const m = (i + to) >> 1, p = all[m] || all[m - 1] || all[m + 1];
            if (p[0] < u) i = m; else to = m + 1;
          }
          i = Math.max(0, i - 3);
        }
        for (; i < all.length; i++) {
          const p = all[i];
          if (!p) continue;
          if (path.isSorted && p[0] > u + near) break;
          if (Math.abs(p[0] - u) <= near) { best = p[1]; near = Math.abs(p[0] - u); }
          const q = all[i + 1];
          if (!q || (p[0] - u) * (q[0] - u) > 0 || p[0] === q[0]) continue;
          return p[1] + (q[1] - p[1]) * (u - p[0]) / (q[0] - p[0]);
        }
        return best;
      };

      // The values of a heat map: its picture holds an index into the colours for each cell.
      const cells = image => {
        if (image.cells) return image.cells;
        const raw = atob(image.getAttribute("href").split(",")[1]);
        const byte = i => raw.charCodeAt(i);
        const word = i => byte(i) * 2 ** 24 + (byte(i + 1) << 16) + (byte(i + 2) << 8) + byte(i + 3);
        let data = "";
        for (let i = 8; i < raw.length; i += word(i) + 12) {
          if (raw.slice(i + 4, i + 8) !== "IDAT") continue;
          for (let j = i + 10, last = 0; !last && j < raw.length;) {
            last = byte(j);
            const count = byte(j + 1) + 256 * byte(j + 2);
            data += raw.slice(j + 5, j + 5 + count);
            j += 5 + count;
          }
        }
        return image.cells = { width: word(16), height: word(20), data };
      };
    """#

  /// Ticks, the readout, and what all figures share.
  private static let page = #"""
      const ticks = (lo, hi, count, log) => {
        const decades = log ? Math.log10(hi) - Math.log10(lo) : 0;
        if (decades > 1 && isFinite(decades)) {
          const every = Math.ceil(decades / count), result = [];
          for (let e = Math.ceil(Math.log10(lo) - 1e-9); e <= Math.log10(hi) + 1e-9; e++) {
            if (e % every === 0) result.push(+`1e${e}`);
          }
          if (result.length > 1) return result;
        }
        const rough = hi / count - lo / count;
        if (!(rough > 0) || !isFinite(rough)) return [];
        const power = 10 ** Math.floor(Math.log10(rough));
        const step = [1, 2, 5, 10].find(d => d * power >= rough * (1 - 1e-9)) * power;
        if (!(Math.abs(hi / step) < 2 ** 52)) return [];
        const result = [];
        for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9 && result.length < 50; i++) {
          result.push(i * step);
        }
        return result;
      };

      // The cursor in all figures of one axis, and the readout beside the pointer.
      const show = (frame, u, e) => {
        pinned = frame ? { frame, u } : null;
        const value = frame && frame.x.value(u / W);
        for (const other of frames) {
          const tip = other.tip;
          if (!frame || other.key !== frame.key || !other.outer.getClientRects().length) {
            other.cursor.setAttribute("d", "");
            if (tip) tip.hidden = true;
            continue;
          }
          const [a, b] = other.range, at = other === frame ? u : other.x.place(value) * W;
          if (!(at >= a && at <= b)) {
            other.cursor.setAttribute("d", "");
            if (tip) tip.hidden = true;
            continue;
          }
          const px = other.rect.x + (at - a) / (b - a) * other.rect.w;
          other.cursor.setAttribute("d", `M${px} ${other.rect.y}v${other.rect.h}`);
          // Beside the pointer all of it; elsewhere the lines, and of heat maps just the cursor.
          if (other === frame || !other.svg.dataset.heat) other.readout(at, px, other === frame ? e : null);
          else if (tip) tip.hidden = true;
        }
      };
      Frame.prototype.readout = function (u, px, e) {
        let rows = this.read(u);
        const [low, high] = this.shown, most = this.svg.dataset.heat ? 5 : pinned.frame === this ? 12 : 6;
        let left = 0;
        if (e || rows.length > most) {  // those nearest the pointer first
          const r = this.pad.getBoundingClientRect();
          const at = e ? low + (e.clientY - r.top) / r.height * (high - low) : low;
          const near = [...rows].sort((p, q) => Math.abs(p.at - at) - Math.abs(q.at - at)).slice(0, most);
          left = rows.length - near.length;
          rows = rows.filter(row => near.includes(row));
          if (e && near.length > 1) near[0].isNear = true;
        }
        if (!this.svg.dataset.heat) rows.sort((p, q) => p.at - q.at);
        if (!this.tip) {
          this.tip = document.createElement("div");
          this.tip.className = "tip";
          this.tip.setAttribute("role", "status");
          this.figure.append(this.tip);
        }
        const tip = this.tip;
        const [a, b] = this.range, value = this.x.value(u / W);
        const span = Math.abs(this.x.value(b / W) - this.x.value(a / W)) / this.rect.w;
        const whole = Number.isInteger(this.x.lo) && Number.isInteger(this.x.hi) || span >= 1;
        const head = document.createElement("b");
        head.textContent = `${this.key} ${whole && !this.x.log && Math.abs(value) < 1e15
          ? Math.round(value).toLocaleString("en").replace("-", "−") : number(value, this.x.log ? value : span * 100)}`.trim();
        tip.replaceChildren(head);
        for (const row of rows) {
          const line = document.createElement("div");
          if (row.isNear) line.className = "near";
          const dot = document.createElement("i"), name = document.createElement("span"), text = document.createElement("span");
          if (row.color) dot.style.background = row.color;
          name.textContent = row.name;
          text.textContent = row.text;
          line.append(dot, name, text);
          tip.append(line);
        }
        if (left > 0) {
          const line = document.createElement("div");
          line.textContent = `and ${left} more`;
          tip.append(line);
        }
        tip.hidden = false;
        const scale = this.outer.getBoundingClientRect().width / this.outer.viewBox.baseVal.width;
        const box = this.figure.getBoundingClientRect(), x = px * scale;
        const room = box.width, width = tip.offsetWidth;
        tip.style.left = `${Math.max(0, x + 14 + width <= room ? x + 14 : x - 14 - width)}px`;
        tip.style.top = `${this.outer.getBoundingClientRect().top - box.top + this.rect.y * scale + 6}px`;
      };

      const zoom = (key, range) => {
        if (range) zooms.set(key, range); else zooms.delete(key);
        for (const frame of frames) if (frame.key === key) frame.paint();
        for (const button of document.querySelectorAll("figure .reset")) {
          if (button.dataset.axis === key) button.hidden = !range;
        }
      };
      const hide = () => {
        for (const part of document.querySelectorAll("figure [data-s]")) {
          const off = hidden.has(part.dataset.s);
          if (part.matches(".key")) {
            part.setAttribute("aria-pressed", String(!off));
            part.style.opacity = off ? 0.4 : "";
          } else part.style.display = off ? "none" : "";
        }
        for (const frame of frames) {
          const now = frame.lines.filter(l => hidden.has(l.dataset.s)).length;
          if (now !== frame.hiddenLines) frame.paint();
          frame.hiddenLines = now;
        }
      };

      window.descentFigures = (root = document) => {
        for (const frame of frames) if (!frame.svg.isConnected) frames.delete(frame);
        for (const svg of root.querySelectorAll("figure svg.frame[data-x]")) {
          if (svg.isReady) continue;
          svg.isReady = true;
          const frame = new Frame(svg);
          frames.add(frame);
          frame.outer.setAttribute("role", "group");
          if (!frame.figure.querySelector(`.reset`)) {
            const button = document.createElement("button");
            button.className = "reset";
            button.type = "button";
            button.textContent = "Show all";
            button.dataset.axis = frame.key;
            button.hidden = !zooms.has(frame.key);
            button.addEventListener("click", () => zoom(frame.key, null));
            frame.figure.append(button);
          }
        }
        for (const key of root.querySelectorAll("figure .key")) {
          if (key.isReady) continue;
          key.isReady = true;
          key.setAttribute("tabindex", 0);
          key.setAttribute("role", "button");
          key.setAttribute("aria-label", key.querySelector("text").lastChild.textContent);
          const toggle = () => {
            const name = key.dataset.s;
            if (!hidden.delete(name)) hidden.add(name);
            show(null);
            hide();
          };
          key.addEventListener("click", toggle);
          key.addEventListener("keydown", e => {
            if (e.key === "Enter" || e.key === " ") { e.preventDefault(); toggle(); }
          });
        }
        hide();
      };
      window.descentFigures();
    })();
    """#
}
