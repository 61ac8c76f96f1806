#!/usr/bin/env python3
"""Looks at HTML pages in headless Chromium and says what is wrong with them.

    Scripts/check-page.py [--screenshots FOLDER] FILE.html...

Each page is opened at widths of 1280 and 360 pixels, light and dark, with scripts and without, and
once for paper. Found are: errors in the console, anything fetched, a page wider than its window,
figures without anything in a frame, texts cut off by their figure or lying over each other, text of
too little contrast, and, with scripts, frames that do not answer to the pointer and the keyboard,
and motions that do not play.
Prints what it finds; the exit status is then 1, and 77 where there is no Chromium. It needs nothing
but Python.
"""
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

LOOK = r"""
(() => {
  const found = [], visible = e => e.getClientRects().length && getComputedStyle(e).visibility === "visible";
  const say = (what, e) => found.push(what + (e ? `: ${(e.textContent || e.id || e.tagName).trim().slice(0, 60)}` : ""));
  const page = document.documentElement;
  if (!MEDIUM_PRINT && page.scrollWidth > innerWidth) {
    say(`the page is ${page.scrollWidth} px wide in a window of ${innerWidth}`);
    for (const e of document.body.querySelectorAll("*")) {
      if (e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide, svg, pre")) { say("too wide", e); break; }
    }
  }
  const outer = [...document.querySelectorAll("svg:not(.bar, .key svg)")].filter(s => !s.parentNode.closest("svg"));
  for (const figure of document.querySelectorAll("figure")) {
    if (visible(figure) && ![...figure.querySelectorAll("svg, img")].some(visible)) say("a figure shows nothing", figure);
  }
  for (const svg of outer) {
    // Drawings have no axes.
    if (!visible(svg) || svg.closest(".film")) continue;
    const box = svg.getBoundingClientRect();
    const frames = svg.querySelectorAll("svg.frame");
    const texts = [...svg.querySelectorAll("text")].filter(visible);
    if (!frames.length && !texts.some(t => t.textContent.includes("no finite values"))) say("a figure without a frame", svg);
    for (const frame of frames) {
      const f = frame.getBoundingClientRect();
      const marks = [...frame.querySelectorAll("path, image, use, circle, rect")].filter(m => {
        const r = m.getBoundingClientRect();
        return r.right >= f.left && r.left <= f.right && r.bottom >= f.top && r.top <= f.bottom;
      });
      if (!marks.length) say("a frame is blank", svg);
    }
    const rects = texts.map(t => [t, t.getBoundingClientRect()]);
    for (const [t, r] of rects) {
      if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 2 || r.bottom > box.bottom + 2) say("text is cut off", t);
      if (parseFloat(getComputedStyle(t).fontSize) * box.width / svg.viewBox.baseVal.width < 9 && !MEDIUM_PRINT) say("text is too small", t);
    }
    for (let i = 0; i < rects.length; i++) for (let j = i + 1; j < rects.length; j++) {
      const [a, b] = [rects[i][1], rects[j][1]], pad = 0.2;
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom - pad * a.height, b.bottom - pad * b.height) - Math.max(a.top + pad * a.height, b.top + pad * b.height);
      if (x > 1 && y > 1) say("texts overlap", { textContent: `${rects[i][0].textContent.slice(0, 28)} | ${rects[j][0].textContent.slice(0, 28)}` });
    }
  }
  const color = c => { const n = (c.match(/[\d.]+/g) || []).map(Number); return n.length < 3 ? null : [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; };
  const light = c => { const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = new Set();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(e) || !visible(e) || e.closest("script, style, title, desc")) continue;
    seen.add(e);
    const style = getComputedStyle(e);
    const ink = color(e.closest("svg") ? style.fill : style.color);
    let paper = [255, 255, 255, 1];
    for (let p = e; p; p = p.parentElement) {
      const c = color(getComputedStyle(p).backgroundColor);
      if (c && c[3] > 0.99) { paper = c; break; }
    }
    if (!ink) continue;
    const [a, b] = [light(ink), light(paper)].sort((m, n) => n - m), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) say(`contrast is only ${ratio.toFixed(1)}`, e);
    const clipped = style.overflowX === "hidden" || style.overflowX === "clip";
    if (clipped && e.scrollWidth > e.clientWidth + 1 && style.textOverflow !== "ellipsis") say("text is cut off", e);
  }
  return found;
})()
"""

USE = r"""
(() => {
  const found = [];
  const pads = [...document.querySelectorAll(".pad")].filter(p => p.getClientRects().length);
  const frames = [...document.querySelectorAll("figure svg.frame[data-x]")].filter(f => f.getClientRects().length);
  if (frames.length && pads.length !== frames.length) found.push(`${frames.length} frames, ${pads.length} answer`);
  const bad = () => {
    for (const e of document.querySelectorAll("figure svg, figure svg :not(.line)")) for (const a of e.attributes) {
      if (a.value.length < 400 && /NaN|Infinity|undefined/.test(a.value) && !/^(data-|aria-)/.test(a.name)) return `${e.tagName} ${a.name}=${a.value.slice(0, 60)}`;
    }
  };
  for (const pad of pads) {
    const r = pad.getBoundingClientRect(), figure = pad.closest("figure");
    const name = (pad.getAttribute("aria-label") || "").slice(0, 40);
    let answered = false;
    for (const share of [0.02, 0.3, 0.5, 0.71, 0.98]) {
      pad.dispatchEvent(new PointerEvent("pointermove", { clientX: r.left + share * r.width, clientY: r.top + r.height / 2, bubbles: true }));
      const tip = [...figure.querySelectorAll(".tip")].find(t => !t.hidden);
      if (tip && tip.children.length > 1) answered = true;
      if (tip && /NaN|Infinity|undefined/.test(tip.textContent)) found.push(`${name}: the readout says ${tip.textContent.slice(0, 60)}`);
      const box = tip && tip.getBoundingClientRect();
      if (box && (box.right > innerWidth + 1 || box.left < -1)) found.push(`${name}: the readout leaves the window`);
    }
    if (!answered) found.push(`${name}: no readout`);
    const frame = pad.parentNode.querySelector("svg.frame"), before = frame.getAttribute("viewBox");
    const press = key => pad.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    press("+"); press("+");
    const zoomed = [...pad.parentNode.querySelectorAll("svg.frame")].map(f => f.getAttribute("viewBox"));
    if (zoomed[0] === before) found.push(`${name}: does not zoom`);
    if (bad()) found.push(`${name}: zoomed, ${bad()}`);
    press("Escape");
    if (frame.getAttribute("viewBox") !== before) found.push(`${name}: does not come back`);
  }
  let slowest = 0;
  for (const key of [...document.querySelectorAll(".key")].filter(k => k.getClientRects().length).slice(0, 12)) {
    const lines = [...document.querySelectorAll(".line")].filter(l => l.dataset.s === key.dataset.s);
    const start = performance.now();
    key.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    slowest = Math.max(slowest, performance.now() - start);
    if (lines.some(l => l.style.display !== "none")) found.push(`${key.dataset.s}: is not hidden`);
    if (bad()) found.push(`${key.dataset.s} hidden: ${bad()}`);
    key.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    if (lines.some(l => l.style.display === "none")) found.push(`${key.dataset.s}: does not come back`);
  }
  if (slowest > 300) found.push(`hiding a line takes ${Math.round(slowest)} ms`);
  for (const root of document.querySelectorAll(".motion")) {
    const motion = root.motion, play = root.querySelector("button.play"), slider = root.querySelector("input[type=range]");
    if (!motion || !play || !slider) { found.push("a motion has no controls"); continue; }
    const ways = () => [...root.querySelectorAll(".line, .now, .from")].map(p => p.getAttribute("d")).join("|");
    const whole = ways(), move = step => { slider.value = step; slider.dispatchEvent(new Event("input")); };
    move(0);
    const begun = ways();
    if (begun === whole) found.push("a motion does not go to its start");
    if (bad()) found.push(`a motion at its start: ${bad()}`);
    move(slider.max);
    if (ways() !== whole) found.push("a motion does not come back to its end");
    play.click();
    if (play.textContent !== "Pause" || +slider.value !== 0) found.push("a motion does not play");
    play.click();
    if (play.textContent !== "Play") found.push("a motion does not pause");
    move(slider.max);
    const drags = [...root.querySelectorAll(".drag")];
    if (motion.starts.length > 1 && !drags.length) found.push("the start of a motion cannot be moved");
    for (const pad of drags) {
      const r = pad.getBoundingClientRect();
      for (const share of [0.05, 0.5, 0.95]) {
        pad.dispatchEvent(new PointerEvent("pointerdown", { clientX: r.left + share * r.width, clientY: r.top + share * r.height, bubbles: true }));
        pad.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
        if (bad()) found.push(`a motion from elsewhere: ${bad()}`);
      }
      for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]) pad.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      if (motion.start === 0 && motion.starts.length > 2) motion.begin(1);
      if (ways() === whole) found.push("a motion from elsewhere looks the same");
      pad.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true, cancelable: true }));
      if (ways() !== whole) found.push("a motion does not come back to its first start");
    }
  }
  const first = document.querySelector("figure svg.frame[data-x]");
  if (first && window.descentFigures) {
    // A page that replaces a part of itself.
    const figure = first.closest("figure"), parent = figure.parentNode;
    const copy = figure.cloneNode(true);
    for (const e of copy.querySelectorAll(".tip, .reset, .pad, .cursor, .brush")) e.remove();
    parent.replaceChild(copy, figure);
    window.descentFigures(parent);
    if (!copy.querySelector(".pad")) found.push("a replaced figure does not answer");
  }
  return found;
})()
"""


class Browser:
    """Chromium, spoken to through two pipes."""

    def __init__(self, program):
        self.home = tempfile.mkdtemp(prefix="check-page-")
        to_read, self.to = os.pipe()
        self.back, from_write = os.pipe()

        def pipes():
            a, b = os.dup(to_read), os.dup(from_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-extensions", "--disable-background-networking",
             "--hide-scrollbars", f"--user-data-dir={self.home}", "--remote-debugging-pipe",
             "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.rest, self.number, self.events = b"", 0, []

    def close(self):
        try:
            self.call("Browser.close", limit=5)
        except (RuntimeError, OSError):
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def message(self, limit):
        end = time.monotonic() + limit
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise RuntimeError("Chromium does not answer")
            part = os.read(self.back, 1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, limit=60, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            reply = self.message(limit)
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error'].get('message')}")
                return reply["result"]
            self.events.append(reply)

    def wait(self, method, limit=60):
        for event in self.events:
            if event.get("method") == method:
                return
        while True:
            event = self.message(limit)
            self.events.append(event)
            if event.get("method") == method:
                return


def errors(events):
    """What the page complained of, or fetched."""
    for event in events:
        method, data = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            detail = data["exceptionDetails"]
            yield "error: " + detail.get("exception", {}).get("description", detail["text"])[:200]
        elif method == "Runtime.consoleAPICalled" and data["type"] in ("error", "assert"):
            yield "console: " + " ".join(str(a.get("value", "")) for a in data["args"])[:200]
        elif method == "Log.entryAdded" and data["entry"]["level"] == "error":
            yield "log: " + data["entry"]["text"][:200]
        elif method == "Network.requestWillBeSent":
            url = data["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                yield f"fetches {url[:100]}"


def check(browser, path, screenshots):
    found = []
    url = path.resolve().as_uri()
    views = [(w, scheme, scripts, "screen") for w in (1280, 360) for scheme in ("light", "dark")
             for scripts in (True, False)] + [(718, "light", True, "print")]
    for width, scheme, scripts, medium in views:
        name = f"{path.name} ({width} px, {scheme}" + ("" if scripts else ", no scripts") + \
            (", on paper)" if medium == "print" else ")")
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

        def call(method, **parameters):
            return browser.call(method, session, **parameters)

        def evaluate(source):
            reply = call("Runtime.evaluate", expression=source, returnByValue=True)
            if "exceptionDetails" in reply:
                detail = reply["exceptionDetails"]
                return ["the check fails: "
                        + detail.get("exception", {}).get("description", detail["text"])[:300]]
            return reply["result"].get("value") or []

        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                call(f"{domain}.enable")
            call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                 deviceScaleFactor=1, mobile=False)
            call("Emulation.setEmulatedMedia", media=medium,
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
            call("Emulation.setScriptExecutionDisabled", value=not scripts)
            browser.events.clear()
            call("Page.navigate", url=url)
            browser.wait("Page.loadEventFired")
            look = LOOK.replace("MEDIUM_PRINT", "true" if medium == "print" else "false")
            mine = evaluate(look)
            if screenshots:
                size = call("Page.getLayoutMetrics")["cssContentSize"]
                image = call("Page.captureScreenshot", captureBeyondViewport=True, clip={
                    "x": 0, "y": 0, "width": width, "height": min(size["height"], 12000),
                    "scale": 1})["data"]
                file = f"{path.stem}-{width}-{scheme}-{'js' if scripts else 'plain'}-{medium}.png"
                (screenshots / file).write_bytes(base64.b64decode(image))
            if scripts and medium == "screen":
                mine += evaluate(USE)
            mine += list(errors(browser.events))
        except RuntimeError as error:
            mine = [str(error)]
        found += [f"{name}: {text}" for text in dict.fromkeys(mine)]
        browser.call("Target.closeTarget", targetId=target)
    return found


def main():
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        return print(__doc__.strip())
    screenshots = None
    if arguments[:1] == ["--screenshots"] and len(arguments) > 1:
        screenshots = pathlib.Path(arguments[1])
        screenshots.mkdir(parents=True, exist_ok=True)
        arguments = arguments[2:]
    if not arguments or arguments[0].startswith("-"):
        sys.exit(__doc__.strip())
    missing = [path for path in arguments if not pathlib.Path(path).is_file()]
    if missing:
        sys.exit(f"There is no file {missing[0]}.")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if not program:
        print("There is no Chromium: install Debian's package chromium.", file=sys.stderr)
        sys.exit(77)
    browser = Browser(program)
    try:
        found = [text for path in arguments
                 for text in check(browser, pathlib.Path(path), screenshots)]
    finally:
        browser.close()
    print("\n".join(found) if found else "Nothing is wrong.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
