// Keeps a status page current in its place: what is typed, focused, opened and scrolled to stays as it is.
"use strict";

(() => {
  const EVERY = 5000;
  const PATIENCE = 10000;

  const pause = document.getElementById("pause");
  const silence = document.getElementById("silence");
  let paused = false;
  let asking = false;
  let timer = 0;
  // When the last page came, by this machine's clock.
  let current = new Date();

  // What a node is known by among its siblings.
  const key = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key : undefined);

  const same = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && key(one) === key(other);

  // What people do to a page is theirs: which details are open, what a field holds, what a script has written.
  const isTheirs = (element, name) =>
    (element.localName === "details" && name === "open") || (element.id === "pause" && name === "hidden");

  function patchAttributes(from, to) {
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !isTheirs(from, name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !isTheirs(from, name)) from.setAttribute(name, value);
    }
  }

  // Makes `from` equal to `to` with as little change as can be.
  function patch(from, to) {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    patchAttributes(from, to);
    if (from !== pause) patchChildren(from, to);
  }

  function patchChildren(from, to) {
    const wanted = new Set([...to.childNodes].map(key).filter(Boolean));
    const known = new Map();
    for (const child of [...from.childNodes]) {
      const name = key(child);
      if (!name) continue;
      if (wanted.has(name)) known.set(name, child);
      else child.remove();
    }
    let next = from.firstChild;
    for (const child of [...to.childNodes]) {
      const found = known.get(key(child));
      if (found && same(found, child)) {
        if (found === next) next = next.nextSibling;
        else move(from, found, next);
        patch(found, child);
      } else if (next && same(next, child)) {
        patch(next, child);
        next = next.nextSibling;
      } else {
        from.insertBefore(document.importNode(child, true), next);
      }
    }
    while (next) {
      const rest = next.nextSibling;
      next.remove();
      next = rest;
    }
  }

  function move(parent, child, before) {
    if (parent.moveBefore) parent.moveBefore(child, before);
    else parent.insertBefore(child, before);
  }

  // The focus goes along with a link that moved to another part of the page.
  function keepFocus(change) {
    const focused = document.activeElement;
    const address = focused?.getAttribute("href");
    change();
    if (!focused || focused === document.body || document.activeElement === focused) return;
    const heir = focused.isConnected ? focused : address && document.querySelector(`a[href="${CSS.escape(address)}"]`);
    if (heir) heir.focus({ preventScroll: true });
  }

  function show(page) {
    const ours = (selector) => document.querySelector(selector);
    const theirs = (selector) => page.querySelector(selector);
    if (!theirs("main#content")) throw new Error("no status page");
    // Another version of the exporter: its pages need its own script.
    if (theirs("script[src]").getAttribute("src") !== ours("script[src]").getAttribute("src")) {
      location.reload();
      return;
    }
    document.title = page.title;
    patchAttributes(ours("link[rel=icon]"), theirs("link[rel=icon]"));
    keepFocus(() => {
      for (const part of ["header.top", "main#content", "footer"]) patch(ours(part), theirs(part));
    });
  }

  async function refresh() {
    if (asking) return;
    asking = true;
    let answer;
    try {
      answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      const text = await answer.text();
      show(new DOMParser().parseFromString(text, "text/html"));
      current = new Date();
      hear();
    } catch {
      miss(answer);
    }
    asking = false;
    plan();
  }

  function hear() {
    silence.textContent = "";
    document.body.classList.remove("silent");
  }

  // An `answer` may have come all the same, as from a proxy, or because a password is asked for by now.
  function miss(answer) {
    const time = current.toISOString().slice(11, 19);
    const what = answer ? `No page, but status ${answer.status},` : "No answer";
    const text = `${what} since ${time} UTC. What is shown here is as old as that.`;
    if (silence.textContent !== text) silence.textContent = text;
    document.body.classList.add("silent");
    document.title = `${answer ? "no page" : "no answer"} · ${document.title.replace(/^no (page|answer) · /, "")}`;
  }

  function plan() {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(refresh, EVERY);
  }

  function now() {
    clearTimeout(timer);
    if (!paused && !document.hidden) refresh();
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    now();
  });
  document.addEventListener("visibilitychange", now);
  plan();
})();
