/// What a page does in the browser: it asks whether something has changed, and puts in its place what
/// has.
enum LiveScript {
  static let text = #"""
    "use strict";
    // The page asks for its own contents now and then. What is answered is compared with what was
    // answered before, and only nodes that differ are replaced: places, selections, open parts and
    // what was chosen stay.
    (() => {
      const main = document.getElementById("live");
      const banner = document.getElementById("banner");
      const search = document.getElementById("search");
      const compare = document.getElementById("compare");
      if (!main) return;
      let version = main.dataset.version;
      // As it was sent, without what scripts have added to it.
      let known = main.cloneNode(true);
      let timer = 0, request = null;

      const containers = "MAIN SECTION DETAILS TABLE TBODY TR".split(" ");
      const isContainer = (node) => containers.includes(node.tagName) ||
        node.matches("div.figures, div.wide:has(> table)");
      const key = (node, place) => node.dataset.key || node.id || node.tagName + place;

      // Makes `live`, which was `old` when it was sent, show what `fresh` is.
      function merge(live, old, fresh) {
        if (old.isEqualNode(fresh)) return false;
        const canMerge = old.tagName === fresh.tagName && isContainer(fresh) && isContainer(old) &&
          live.children.length === old.children.length;
        if (!canMerge) {
          const copy = fresh.cloneNode(true);
          if (live.tagName === "DETAILS") copy.open = live.open;
          live.replaceWith(copy);
          return true;
        }
        const before = new Map();
        Array.from(old.children).forEach((node, place) => {
          before.set(key(node, place), { live: live.children[place], old: node });
        });
        let next = live.firstElementChild;
        Array.from(fresh.children).forEach((node, place) => {
          const name = key(node, place), known = before.get(name);
          before.delete(name);
          if (!known) {
            live.insertBefore(node.cloneNode(true), next);
            return;
          }
          if (known.live === next) next = next.nextElementSibling;
          else live.insertBefore(known.live, next);
          merge(known.live, known.old, node);
        });
        for (const { live: gone } of before.values()) gone.remove();
        return true;
      }

      function show(html) {
        const fresh = document.createElement("template");
        fresh.innerHTML = "<main>" + html + "</main>";
        const next = fresh.content.firstElementChild;
        for (const name of main.getAttributeNames()) next.setAttribute(name, main.getAttribute(name));
        if (merge(main, known, next)) {
          restoreChoice();
          if (window.descentFigures) window.descentFigures(main);
        }
        known = next;
        const title = next.querySelector("[data-title]");
        if (title) document.title = title.dataset.title;
        ages();
      }

      function say(sentence) {
        banner.hidden = !sentence;
        if (banner.textContent !== sentence) banner.textContent = sentence;
      }

      async function poll() {
        clearTimeout(timer);
        if (request) request.abort();
        const mine = request = new AbortController();
        const began = performance.now();
        try {
          const address = new URL(location.href);
          address.searchParams.set("part", "1");
          const answer = await fetch(address, {
            headers: { "If-None-Match": version }, cache: "no-store", signal: mine.signal });
          const html = answer.status === 304 ? "" : await answer.text();
          const isSentence = (answer.headers.get("Content-Type") || "").startsWith("text/plain");
          if (answer.status === 200 && !isSentence) {
            version = answer.headers.get("ETag") || "";
            show(html);
          }
          say(isSentence ? html.trim() : "");
        } catch (error) {
          if (mine.signal.aborted) return;
          say("The server does not answer. This is what it said last; the page goes on when it is back.");
        }
        // A page that takes long is asked for less often.
        const pause = Math.max(1000, 10 * (performance.now() - began));
        if (!document.hidden) timer = setTimeout(poll, pause);
      }
      document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });

      function ages() {
        for (const time of main.querySelectorAll("time[datetime]")) {
          const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
          const days = Math.floor(seconds / 86400);
          const text = seconds < 60 ? "just now" :
            seconds < 3600 ? Math.floor(seconds / 60) + " min ago" :
            seconds < 86400 ? Math.floor(seconds / 3600) + " h ago" :
            days + (days === 1 ? " day ago" : " days ago");
          if (time.textContent !== text) time.textContent = text;
        }
      }
      setInterval(ages, 10000);

      // The choice of runs outlives searches and other orders.
      const chosen = new Set(JSON.parse(sessionStorage.getItem("chosen") || "[]"));
      function restoreChoice() {
        if (!compare) return;
        for (const box of main.querySelectorAll("input[name=run]")) box.checked = chosen.has(box.value);
        const button = compare.querySelector("button");
        button.disabled = chosen.size === 0;
        button.textContent = chosen.size === 0 ? "Choose runs to compare them" :
          chosen.size === 1 ? "Show the chosen run" : "Compare " + chosen.size + " runs";
      }
      if (compare) {
        main.addEventListener("change", (event) => {
          if (event.target.name !== "run") return;
          if (event.target.checked) chosen.add(event.target.value);
          else chosen.delete(event.target.value);
          sessionStorage.setItem("chosen", JSON.stringify(Array.from(chosen)));
          restoreChoice();
        });
        compare.addEventListener("submit", () => {
          const shown = new Set(Array.from(main.querySelectorAll("input[name=run]"), (b) => b.value));
          for (const old of compare.querySelectorAll("input")) old.remove();
          for (const path of chosen) {
            if (shown.has(path)) continue;
            const field = document.createElement("input");
            [field.type, field.name, field.value] = ["hidden", "run", path];
            compare.append(field);
          }
        });
        addEventListener("pageshow", restoreChoice);
      }
      if (search) {
        let typing = 0;
        search.addEventListener("input", () => {
          clearTimeout(typing);
          typing = setTimeout(() => {
            const address = new URL(location.href);
            address.searchParams.set("q", search.elements.q.value);
            if (!search.elements.q.value) address.searchParams.delete("q");
            history.replaceState(null, "", address);
            version = "";
            poll();
          }, 200);
        });
      }

      restoreChoice();
      ages();
      timer = setTimeout(poll, 1000);
    })();

    """#
}
