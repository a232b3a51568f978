"use strict";
// Speaks the Apps protocol (2026-01-26) with the host around the page, and shows the score card that it hands over.
// Whatever a scorer wrote is shown as text: nothing here is ever parsed as HTML.
(() => {
  const PROTOCOL = "2026-01-26";
  const LOOKS = 60;
  const host = window.parent;
  const root = document.documentElement;
  const said = document.getElementById("said");
  const body = document.getElementById("body");
  const waiting = new Map();
  let nextId = 1;
  let mayCall = false;
  let ended = false;
  let looking = false;

  const post = (message) => host.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const notify = (method, params = {}) => post({ method, params });
  const request = (method, params) =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      post({ id, method, params });
    });

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  const number = (value) => {
    const text = value.toFixed(3).replace(/0+$/, "");
    return text.endsWith(".") ? `${text}0` : text;
  };
  const span = (seconds) => {
    if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 10) return `${seconds.toFixed(2)} s`;
    if (seconds < 60) return `${Math.round(seconds)} s`;
    const whole = Math.round(seconds);
    if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
    const minutes = Math.round(whole / 60);
    return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  };
  const grade = (score) => (score >= 1 ? "full" : score > 0 ? "part" : "none");
  const share = (score) => `${Math.min(Math.max(score, 0), 1) * 100}%`;
  const bar = (score) => {
    const fill = element("div");
    fill.style.width = share(score);
    return element("div", { class: `bar ${grade(score)}`, "aria-hidden": "true" }, fill);
  };
  const VERDICT = { full: "✓ passed", part: "◐ in part", none: "✗ failed" };

  const total = (card) => {
    if (typeof card.score !== "number") return null;
    const facts = [];
    if (card.attempt) facts.push(`attempt ${card.attempt}`);
    if (typeof card.seconds === "number") facts.push(`${span(card.seconds)} since the start`);
    if (card.scoring_mode) facts.push(`scored ${card.scoring_mode}`);
    if (card.complete === false) facts.push("incomplete: a scorer broke and counts as 0");
    return element(
      "div",
      {},
      element(
        "p",
        { class: "total" },
        element("strong", { class: grade(card.score) }, number(card.score)),
        element("span", {}, "of 1.0"),
        element("span", { class: "quiet" }, facts.join(" · ")),
      ),
      bar(card.score),
    );
  };

  const scoringFunction = (each) => {
    const broke = each.state === "error";
    const facts = [];
    if (typeof each.weight === "number") {
      facts.push(`weight ${number(each.weight)}`, `gives ${number(each.weight * each.score)}`);
    }
    if (typeof each.seconds === "number") facts.push(span(each.seconds));
    const verdict = broke ? "⚠ the scorer broke or timed out" : VERDICT[grade(each.score)];
    return element(
      "li",
      { class: "function" },
      element(
        "div",
        { class: "name" },
        element("h3", {}, each.name),
        element("span", { class: `figures ${grade(each.score)}` }, `${verdict}: ${number(each.score)}`),
      ),
      bar(each.score),
      facts.length ? element("p", { class: "facts" }, facts.join(" · ")) : null,
      each.output ? reason(each, broke) : null,
    );
  };
  const reason = (each, broke) => {
    const output = element("pre", { tabindex: "0", "aria-label": `What the scorer of ${each.name} wrote` }, each.output);
    const made = element("details", {}, element("summary", {}, "Why: what the scorer wrote"), output);
    made.open = broke || each.score < 1;
    return made;
  };

  const attempts = (card) => {
    const all = [...(card.earlier_attempts ?? [])];
    if (!all.length) return null;
    all.push({ attempt: card.attempt, score: card.score, state: card.state, current: true });
    const columns = all.map((each) => {
      const scored = typeof each.score === "number";
      const fill = element("div", { class: each.current ? "this" : undefined });
      fill.style.height = scored ? share(each.score) : "0";
      const what = scored ? number(each.score) : each.state;
      return element(
        "li",
        { "aria-current": each.current ? "true" : undefined },
        element("div", { class: `column ${scored ? grade(each.score) : "quiet"}`, "aria-hidden": "true" }, fill),
        element("span", {}, `#${each.attempt}`, element("br"), what),
      );
    });
    return section("Attempts", element("ol", { class: "attempts" }, ...columns));
  };

  const section = (title, ...children) => element("section", {}, element("h2", {}, title), ...children);
  const texts = (title, lines) =>
    lines?.length ? section(title, element("ul", {}, ...lines.map((line) => element("li", {}, line)))) : null;

  const show = (card) => {
    said.textContent = card.message;
    const functions = card.functions ?? [];
    const parts = [
      total(card),
      functions.length ? section("Scoring functions", element("ol", {}, ...functions.map(scoringFunction))) : null,
      attempts(card),
      texts("Put back before scoring", card.restored_files),
      texts("Notes", card.notes),
      card.next ? element("p", { class: "facts" }, card.next) : null,
    ];
    body.replaceChildren(...parts.filter(Boolean));
  };
  const tell = (message, text) => {
    said.textContent = message;
    body.replaceChildren(...(text ? [element("pre", { tabindex: "0", "aria-label": "The answer" }, text)] : []));
  };

  const take = (result) => {
    const card = result?.structuredContent;
    const text = (result?.content ?? []).map((block) => block.text ?? "").join("\n");
    if (result?.isError) return tell("There is no score card.", text);
    if (!card || typeof card.run_id !== "string") return tell("The score, as text:", text);
    show(card);
    if (card.state === "scoring" && mayCall && !looking) void look(card.run_id);
  };

  // A score that is still being made is asked for through the host, where the host lets a page call tools.
  const look = async (runId) => {
    looking = true;
    try {
      for (let each = 0; each < LOOKS && !ended; each++) {
        const result = await request("tools/call", { name: "get_score", arguments: { run_id: runId, wait_seconds: 20 } });
        if (ended) return;
        take(result);
        if (result?.structuredContent?.state !== "scoring") return;
      }
    } catch (error) {
      said.textContent = `The score can't be asked for from here (${error.message}). Ask the agent for get_score.`;
    } finally {
      looking = false;
    }
  };

  const dress = (context) => {
    if (context?.theme === "light" || context?.theme === "dark") root.dataset.theme = context.theme;
    const variables = context?.styles?.variables ?? {};
    for (const name of ["--font-sans", "--font-mono"]) {
      if (variables[name]) root.style.setProperty(name, variables[name]);
    }
    // Colours of the host are taken together only: half of them could leave text that nobody can read.
    const page = variables["--color-background-primary"];
    const ink = variables["--color-text-primary"];
    if (page && ink) {
      root.style.setProperty("--page", page);
      root.style.setProperty("--ink", ink);
    }
  };

  const answers = {
    "ui/notifications/tool-input": () => {
      if (!body.childElementCount) said.textContent = "Waiting for the score…";
    },
    "ui/notifications/tool-result": take,
    "ui/notifications/tool-cancelled": () => tell("The call was cancelled. get_score shows the score, once there is one."),
    "ui/notifications/host-context-changed": dress,
    "ui/resource-teardown": () => {
      ended = true;
      return {};
    },
    ping: () => ({}),
  };

  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== host || message?.jsonrpc !== "2.0") return;
    if (typeof message.method === "string") {
      const answer = Object.hasOwn(answers, message.method) ? answers[message.method] : null;
      const result = answer?.(message.params ?? {});
      if (message.id === undefined) return;
      post(
        answer
          ? { id: message.id, result: result ?? {} }
          : { id: message.id, error: { code: -32601, message: "The score card has no such method." } },
      );
      return;
    }
    const asked = waiting.get(message.id);
    if (!asked) return;
    waiting.delete(message.id);
    if (message.error) asked.reject(new Error(String(message.error.message)));
    else asked.resolve(message.result);
  });

  const begin = async () => {
    const met = await request("ui/initialize", {
      protocolVersion: PROTOCOL,
      appInfo: { name: "runloop-score-card", title: "Score card", version: "1" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    });
    mayCall = Boolean(met?.hostCapabilities?.serverTools);
    dress(met?.hostContext);
    notify("ui/notifications/initialized");
    new ResizeObserver(() => {
      if (ended) return;
      const { width, height } = root.getBoundingClientRect();
      notify("ui/notifications/size-changed", { width: Math.ceil(width), height: Math.ceil(height) });
    }).observe(root);
  };
  begin().catch((error) => tell(`The host did not take the score card: ${error.message}`));
})();
