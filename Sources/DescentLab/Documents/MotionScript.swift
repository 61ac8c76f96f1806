/// What plays the paths of a page's ``Motion``.
enum MotionScript {
  /// Plain JavaScript. Without it the whole paths are shown.
  static let source = #"""
    (() => {
      "use strict";
      const W = 4000, H = 2000, svgNS = "http://www.w3.org/2000/svg";
      const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
      const element = (name, properties, parent) => parent.appendChild(
        Object.assign(document.createElement(name), properties));
      const number = v => String(+v.toPrecision(3)).replace("-", "−");

      class Motion {
        constructor(root) {
          const data = root.dataset;
          this.steps = +data.steps;
          this.stride = +data.stride;
          this.box = data.box.split(" ").map(Number);
          this.starts = data.starts.split(";").map(s => s.split(" ").map(Number));
          this.heads = data.heads.split("|");
          this.notes = data.notes.split(";").map(s => s.split("|"));
          this.codes = data.paths.split(";").map(s => s.split(","));
          this.start = 0;
          this.speed = 1;
          this.panels = [...root.querySelectorAll(".panels figure")].map((figure, i) => this.panel(figure, i));
          this.controls(root.querySelector(".controls"));
          this.step = this.steps;
          this.show();
        }

        // The points of a path that lines join: their numbers, and their places in units of a frame.
        knots(start, panel) {
          const code = this.codes[start][panel], result = [];
          const digit = i => digits.indexOf(code[i]), pair = i => digit(i) * 64 + digit(i + 1);
          const share = i => pair(i) / 4095 * 1.5 - 0.25;
          for (let at = 0, i = 0; i + 3 < code.length;) {
            if (result.length && digit(i)) at += digit(i++);
            else if (result.length) { at += pair(i + 1); i += 3; }
            result.push([at, Math.round(share(i) * W), Math.round((1 - share(i + 2)) * H)]);
            i += 4;
          }
          return result.length ? result : [[0, -W, -H]];
        }
        // Where a path is at a point between two of them; the last, once it has ended.
        between(knots, at) {
          const next = knots.findIndex(k => k[0] >= at);
          if (next < 0) return knots[knots.length - 1].slice(1);
          if (knots[next][0] === at) return knots[next].slice(1);
          const [a, b] = [knots[next - 1], knots[next]], t = (at - a[0]) / (b[0] - a[0]);
          return [1, 2].map(i => Math.round(a[i] + t * (b[i] - a[i])));
        }

        panel(figure, index) {
          const frame = figure.querySelector("svg.frame"), outer = figure.querySelector("svg.p");
          const group = frame.querySelector(".path");
          const parts = kind => [...group.querySelectorAll("." + kind)];
          // What became of the first path does not hold for others.
          const details = [...outer.querySelectorAll(":scope > text:not([font-size]):not([text-anchor])")];
          const note = details.length ? outer.appendChild(details[0].cloneNode()) : null;
          const panel = { index, details, note, lines: parts("line"), dots: parts("steps"), from: parts("from"), now: parts("now") };
          panel.whole = panel.lines.map(l => l.getAttribute("d"));
          panel.whole.dots = panel.dots.map(l => l.getAttribute("d"));
          panel.whole.now = panel.now.map(l => l.getAttribute("d"));
          const pad = document.createElementNS(svgNS, "rect"), size = k => +frame.getAttribute(k);
          const set = (k, v) => pad.setAttribute(k, v);
          set("x", size("x") + 2); set("y", size("y") + 2);
          set("width", size("width") - 4); set("height", size("height") - 4);
          set("fill", "transparent"); set("class", "drag"); set("tabindex", 0); set("role", "group");
          outer.setAttribute("role", "group");
          outer.append(pad);
          panel.pad = pad;
          const move = e => {
            const r = pad.getBoundingClientRect(), [x0, x1, y0, y1] = this.box;
            this.begin(this.nearest(x0 + (e.clientX - r.left) / r.width * (x1 - x0),
              y1 - (e.clientY - r.top) / r.height * (y1 - y0)));
          };
          let isDown = false;
          pad.addEventListener("pointerdown", e => {
            isDown = true;
            if (e.isTrusted) pad.setPointerCapture(e.pointerId);
            move(e);
          });
          pad.addEventListener("pointermove", e => { if (isDown) move(e); });
          for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { isDown = false; });
          pad.addEventListener("keydown", e => {
            const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key] || [0, 0];
            if (e.key === " ") { this.toggle(); e.preventDefault(); }
            if (e.key === "Escape" || e.key === "Home") { this.begin(0); e.preventDefault(); }
            if (!dx && !dy) return;
            this.begin(this.towards(dx, dy));
            e.preventDefault();
          });
          return panel;
        }

        distance(start, x, y) {
          const [x0, x1, y0, y1] = this.box, [a, b] = this.starts[start];
          return Math.hypot((a - x) / (x1 - x0), (b - y) / (y1 - y0));
        }
        nearest(x, y) {
          let best = 0;
          for (let i = 1; i < this.starts.length; i++) {
            if (this.distance(i, x, y) < this.distance(best, x, y)) best = i;
          }
          return best;
        }
        // The nearest start on one side of the present one.
        towards(dx, dy) {
          const [x, y] = this.starts[this.start], [x0, x1, y0, y1] = this.box;
          let best = this.start, least = Infinity;
          this.starts.forEach(([a, b], i) => {
            const u = (a - x) / (x1 - x0), v = (b - y) / (y1 - y0);
            const along = u * dx + v * dy, across = Math.abs(u * dy - v * dx);
            if (along > 1e-9 && along >= across && along + 3 * across < least) { best = i; least = along + 3 * across; }
          });
          return best;
        }
        begin(start) {
          if (start === this.start) return;
          this.start = start;
          this.show();
        }

        controls(box) {
          box.hidden = false;
          this.button = element("button", { type: "button", className: "play", textContent: "Play" }, box);
          this.button.addEventListener("click", () => this.toggle());
          const at = element("label", { className: "at", textContent: "step" }, box);
          this.slider = element("input", { type: "range", min: 0, max: this.steps, step: this.stride, value: this.steps }, at);
          this.slider.addEventListener("input", () => { this.stop(); this.step = +this.slider.value; this.show(); });
          this.count = element("output", {}, at);
          const speed = element("label", { textContent: "speed" }, box);
          const select = element("select", {}, speed);
          for (const s of [0.25, 0.5, 1, 2, 4]) element("option", { value: s, textContent: `${s}×`, selected: s === 1 }, select);
          select.addEventListener("change", () => { this.speed = +select.value; });
          this.place = element("output", {}, box);
          this.back = element("button", { type: "button", className: "back", textContent: "Reset start" }, box);
          this.back.addEventListener("click", () => this.begin(0));
          if (this.starts.length < 2) { this.back.hidden = true; for (const p of this.panels) p.pad.remove(); }
        }

        toggle() { this.timer ? this.stop() : this.play(); }
        stop() {
          cancelAnimationFrame(this.timer);
          this.timer = 0;
          this.button.textContent = "Play";
        }
        play() {
          if (this.step >= this.steps) this.step = 0;
          this.button.textContent = "Pause";
          // All of it takes eight seconds.
          let last = performance.now(), exact = this.step;
          const tick = now => {
            exact += (now - last) / 8000 * this.steps * this.speed;
            last = now;
            this.step = Math.min(this.steps, Math.floor(exact));
            this.show();
            if (this.step >= this.steps) return this.stop();
            this.timer = requestAnimationFrame(tick);
          };
          this.timer = requestAnimationFrame(tick);
          this.show();
        }

        show() {
          const shown = Math.floor(this.step / this.stride), isWhole = this.start === 0 && this.step >= this.steps;
          this.slider.value = this.step;
          this.count.textContent = `${this.step} of ${this.steps}`;
          const [x, y] = this.starts[this.start];
          this.place.textContent = `start (${number(x)}, ${number(y)})`
            + (this.start ? `; text, table and curves from (${this.starts[0].map(number).join(", ")})` : "");
          this.back.disabled = this.start === 0;
          for (const panel of this.panels) {
            for (const text of panel.details) text.style.visibility = this.start ? "hidden" : "";
            if (panel.note) {
              const note = (this.notes[this.start] || [])[panel.index] || "";
              panel.note.textContent = this.start ? (this.heads[panel.index] || "") + note : "";
            }
            if (panel.from0 !== this.start) [panel.from0, panel.knots] = [this.start, this.knots(this.start, panel.index)];
            const knots = panel.knots, last = knots[knots.length - 1][0], end = Math.min(shown, last);
            const now = this.between(knots, end);
            const way = knots.filter(k => k[0] < end).map(k => k.slice(1)).concat([now]);
            const dots = () => Array.from({ length: end + 1 }, (_, i) => dot(this.between(knots, i))).join("");
            const dot = p => p ? `M${p[0]} ${p[1]}h0` : "";
            const set = (all, d) => all.forEach((p, i) => p.setAttribute("d", typeof d === "string" ? d : d[i]));
            set(panel.lines, isWhole ? panel.whole : way.length > 1 ? "M" + way.map(p => p.join(" ")).join("L") : "");
            set(panel.dots, isWhole ? panel.whole.dots : this.steps / this.stride < 150 ? dots() : "");
            set(panel.from, dot(this.between(knots, 0)));
            set(panel.now, isWhole ? panel.whole.now : dot(now));
            panel.pad.setAttribute("aria-label", `start at ${number(x)}, ${number(y)}: arrow keys move it, space plays, Escape goes back`);
          }
        }
      }
      for (const root of document.querySelectorAll(".motion")) root.motion = new Motion(root);
    })();
    """#
}
