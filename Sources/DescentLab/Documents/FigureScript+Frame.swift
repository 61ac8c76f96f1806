extension FigureScript {
  /// The frame of a chart: what it shows, what the pointer and the keys do in it.
  static let frame = #"""
      class Frame {
        constructor(svg) {
          this.svg = svg;
          this.figure = svg.closest("figure");
          this.key = svg.dataset.axis || "";
          this.x = axis(svg.dataset.x);
          this.y = svg.dataset.y ? axis(svg.dataset.y) : null;
          this.box = svg.getAttribute("viewBox").split(" ").map(Number);
          const size = k => +svg.getAttribute(k);
          this.rect = { x: size("x") + 2, y: size("y") + 2, w: size("width") - 4, h: size("height") - 4 };
          this.outer = svg.parentNode.closest("svg");
          const use = svg.querySelector("use");
          this.content = use ? document.getElementById(use.getAttribute("href").slice(1)) : svg;
          this.lines = [...this.content.querySelectorAll(".line")];
          this.ticks = svg.previousElementSibling;
          while (this.ticks && !this.ticks.matches("g.ticks")) this.ticks = this.ticks.previousElementSibling;
          this.plain = this.ticks.innerHTML;
          // Labels of upright marks stand before the ticks of their frame, of level ones after it.
          this.labels = [];
          for (let e = this.ticks.previousElementSibling; e && e.matches("text[data-x]"); e = e.previousElementSibling) this.labels.unshift(e);
          for (let e = svg.nextElementSibling; e && e.matches("text[data-y]"); e = e.nextElementSibling) this.labels.push(e);
          this.cursor = element("path", { d: "", class: "cursor", "stroke-width": 1, "pointer-events": "none" }, this.outer);
          this.brush = element("rect", { class: "brush", "pointer-events": "none", width: 0, height: 0 }, this.outer);
          const pad = element("rect", { x: this.rect.x, y: this.rect.y, width: this.rect.w,
            height: this.rect.h, fill: "transparent", class: "pad", tabindex: 0, role: "img" }, this.outer);
          pad.setAttribute("aria-label", (this.outer.getAttribute("aria-label") || "figure")
            + ": arrow keys read values, plus and minus zoom, Escape shows all");
          this.pad = pad;
          pad.addEventListener("pointermove", e => this.move(e));
          pad.addEventListener("pointerdown", e => this.down(e));
          pad.addEventListener("pointerup", e => this.up(e));
          pad.addEventListener("pointercancel", () => { dragging = null; this.paint(); });
          pad.addEventListener("pointerleave", () => { if (!dragging) show(null); });
          pad.addEventListener("dblclick", () => zoom(this.key, null));
          pad.addEventListener("keydown", e => this.press(e));
          pad.addEventListener("blur", () => show(null));
          this.paint();
        }
        get range() {  // what is shown, in units
          const z = zooms.get(this.key);
          if (!z) return [0, W];
          const [a, b] = z.map(v => this.x.place(v) * W);
          return a < b && isFinite(a) && isFinite(b) && a < W && b > 0 ? [a, b] : [0, W];
        }
        unit(e) {  // where the pointer is, in units
          const r = this.pad.getBoundingClientRect(), [a, b] = this.range;
          return a + Math.min(1, Math.max(0, (e.clientX - r.left) / r.width)) * (b - a);
        }
        move(e) {
          const u = this.unit(e);
          if (dragging && dragging.frame === this) { dragging.to = u; this.drawBrush(); }
          show(this, u, e);
        }
        down(e) {
          if (e.button !== 0) return;
          if (e.pointerType === "touch") { this.move(e); return; }
          dragging = { frame: this, from: this.unit(e), to: this.unit(e) };
          this.pad.setPointerCapture(e.pointerId);
          e.preventDefault();
          this.pad.focus({ preventScroll: true });
        }
        up() {
          if (!dragging || dragging.frame !== this) return;
          const { from, to } = dragging, [a, b] = this.range;
          dragging = null;
          this.brush.setAttribute("width", 0);
          if (Math.abs(to - from) > (b - a) / 60) {
            zoom(this.key, [Math.min(from, to), Math.max(from, to)].map(u => this.x.value(u / W)));
          }
        }
        press(e) {
          const [a, b] = this.range, step = (b - a) / (e.shiftKey ? 10 : 100);
          let u = pinned && pinned.frame === this ? pinned.u : (a + b) / 2;
          const about = f => {
            const half = (b - a) * f / 2, m = Math.min(W - half, Math.max(half, u));
            zoom(this.key, half * 2 >= W ? null : [m - half, m + half].map(v => this.x.value(v / W)));
          };
          if (e.key === "ArrowLeft") u -= step;
          else if (e.key === "ArrowRight") u += step;
          else if (e.key === "Home") u = a;
          else if (e.key === "End") u = b;
          else if (e.key === "+" || e.key === "=") about(0.5);
          else if (e.key === "-") about(2);
          else if (e.key === "Escape") { zoom(this.key, null); show(null); return; }
          else return;
          e.preventDefault();
          show(this, Math.min(Math.max(u, this.range[0]), this.range[1]));
        }
        drawBrush() {
          const [a, b] = this.range, px = u => this.rect.x + (u - a) / (b - a) * this.rect.w;
          const [p, q] = [px(dragging.from), px(dragging.to)].sort((m, n) => m - n);
          const set = (k, v) => this.brush.setAttribute(k, v);
          set("x", p); set("width", q - p); set("y", this.rect.y); set("height", this.rect.h);
        }
        visible() { return this.lines.filter(l => !hidden.has(l.dataset.s)); }
        paint() {  // what is shown, and the ticks of it
          const [a, b] = this.range, whole = a === 0 && b === W;
          const some = whole && !this.lines.some(l => hidden.has(l.dataset.s));
          let low = 0, high = H;
          if (!some && this.y) {
            let [top, bottom] = [Infinity, -Infinity];
            for (const line of this.visible()) {
              const all = points(line);
              for (const p of all) if (p && p[0] >= a && p[0] <= b) {
                top = Math.min(top, p[1]); bottom = Math.max(bottom, p[1]);
              }
              for (const u of [a, b]) {
                const v = height(line, u);
                if (v !== null) { top = Math.min(top, v); bottom = Math.max(bottom, v); }
              }
            }
            if (top <= bottom) {
              const room = Math.max(6, 0.05 * (bottom - top));
              [low, high] = [top - room, bottom + room];
            }
          }
          this.shown = [low, high];
          const sx = 2 * (b - a) / this.rect.w, sy = 2 * (high - low) / this.rect.h;
          this.svg.setAttribute("viewBox", some ? this.box.join(" ")
            : [a - sx, low - sy, b - a + 2 * sx, high - low + 2 * sy].join(" "));
          if (some) this.ticks.innerHTML = this.plain; else this.drawTicks(a, b, low, high);
          this.place(a, b, low, high, some);
        }
        place(a, b, low, high, some) {  // the labels of marks and bands, none over another
          const { x, y, w, h } = this.rect, free = {};
          for (const label of this.labels) {
            const set = (k, v) => label.setAttribute(k, v);
            if (!label.home) label.home = [+label.getAttribute("x"), +label.getAttribute("y")];
            label.style.display = "";
            if (some) { set("x", label.home[0]); set("y", label.home[1]); continue; }
            if (label.dataset.x) {
              const at = x + (label.dataset.x - a) / (b - a) * w, row = label.getAttribute("y");
              const half = label.getComputedTextLength() / 2;
              const middle = Math.min(Math.max(at, x + half), x + w - half);
              if (at < x || at > x + w || middle - half < (free[row] ?? -1)) label.style.display = "none";
              else { set("x", middle); free[row] = middle + half + 8; }
            } else {
              const at = y + (label.dataset.y - low) / (high - low) * h - 5;
              if (at < y + 9 || at > y + h - 2 || Math.abs(at - (free.level ?? -99)) < 14) label.style.display = "none";
              else { set("y", at); free.level = at; }
            }
          }
        }
        drawTicks(a, b, low, high) {
          const { x, y, w, h } = this.rect, g = this.ticks;
          g.replaceChildren();
          const each = (ax, from, to, count, draw) => {
            const p = Math.min(from, to), q = Math.max(from, to);
            const values = ticks(p, q, count, ax.log);
            for (const v of values) draw(v, number(v, (q - p) / 4));
          };
          const grid = "var(--grid)", frame = "var(--frame)";
          if (this.y) {
            each(this.y, this.y.value(1 - high / H), this.y.value(1 - low / H), h / 36, (v, label) => {
              const at = y + ((1 - this.y.place(v)) * H - low) / (high - low) * h;
              element("path", { d: `M${x} ${at}h${w}`, style: `stroke:${grid}` }, g);
              element("text", { x: x - 8, y: at + 4, "text-anchor": "end", "font-size": 11 }, g, label);
            });
          }
          let free = 0;
          each(this.x, this.x.value(a / W), this.x.value(b / W), w / 80, (v, label) => {
            const at = x + (this.x.place(v) * W - a) / (b - a) * w, half = label.length * 3.5;
            if (this.y) element("path", { d: `M${at} ${y}v${h}`, style: `stroke:${grid}` }, g);
            element("path", { d: `M${at} ${y + h}v4`, style: `stroke:${frame}` }, g);
            if (at - half < free || at + half > x + w + 12) return;
            element("text", { x: at, y: y + h + 17, "text-anchor": "middle", "font-size": 11 }, g, label);
            free = at + half + 8;
          });
          element("path", { d: `M${x} ${y + h}h${w}`, style: `stroke:${frame}` }, g);
        }
        read(u) {  // rows of the readout
          const [low, high] = this.shown;
          if (this.svg.dataset.heat) {
            const image = this.content.querySelector("image");
            const wide = this.outer.classList.contains("w") ? this.svg : this.content.closest(".frame");
            const names = (wide.dataset.rows || "").split("\n"), map = cells(image);
            const scale = axis(this.svg.dataset.heat);
            const column = Math.min(map.width - 1, Math.max(0, Math.floor(u / W * map.width)));
            return names.map((name, row) => {
              const at = Math.min(map.height - 1, Math.floor(row * map.height / names.length));
              const cell = map.data.charCodeAt(at * (map.width + 1) + 1 + column);
              const value = cell === 255 ? "no value" : number(scale.value(cell / 254), 0);
              return { name, text: value, at: (row + 0.5) / names.length * H };
            });
          }
          const span = Math.abs(this.y.value(1 - low / H) - this.y.value(1 - high / H));
          const rows = [];
          for (const line of this.visible()) {
            const v = height(line, u);
            if (v === null) continue;
            const value = this.y.value(1 - v / H);
            rows.push({ name: line.dataset.n || line.dataset.s, color: getComputedStyle(line).stroke, at: v,
              text: number(value, this.y.log ? Math.abs(value) : span) });
          }
          return rows;
        }
      }
    """#
}
