"use strict";
// Elements, and how an answer is shown. Names and answers become text nodes: nothing of a server is ever read as HTML.

const LONGEST_ANSWER = 200_000; // characters shown

/** An element with properties and children; a text becomes a text node. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A drop-down of `[value, text]`, with a label. */
function chooser(id, label, options, chosen, changed) {
  const select = element("select", { id, onchange: () => changed(select.value) });
  select.append(...options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  return labelled(label, select);
}

/** A control below its name. */
function labelled(name, control) {
  return element("label", { className: "field", htmlFor: control.id }, element("span", {}, name), control);
}

/** Sends a call; resolves to what is to be shown, whatever happens. */
async function send(path, kind, body) {
  const start = performance.now();
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": kind }, body });
    const text = await answer.text();
    const milliseconds = performance.now() - start;
    const version = answer.headers.get("Lightship-Model-Version");
    return { ok: answer.ok, status: `${answer.status} ${answer.statusText}`.trim(), milliseconds, version, text };
  } catch (error) {
    const milliseconds = performance.now() - start;
    return { ok: false, status: "No answer", milliseconds, version: null, text: String(error) };
  }
}

/** The elements that show an answer. */
function shownAnswer(answer) {
  const parts = [answer.status, `${answer.milliseconds.toFixed(answer.milliseconds < 10 ? 1 : 0)} ms`];
  if (answer.version !== null) parts.push(`version ${answer.version}`);
  const head = element("p", { className: answer.ok ? "outcome good" : "outcome bad" }, parts.join(" · "));
  return [head, ...ranking(answer), element("pre", { tabIndex: 0, ariaLabel: "Answer" }, shortened(answer.text))];
}

function shortened(text) {
  if (text.length <= LONGEST_ANSWER) return text;
  return `${text.slice(0, LONGEST_ANSWER)}\n… ${text.length - LONGEST_ANSWER} more characters`;
}

/** Labels with bars, where the answer is one of labels and scores. */
function ranking(answer) {
  let best;
  try {
    best = JSON.parse(answer.text).predictions[0];
  } catch {
    return [];
  }
  if (!answer.ok || !Array.isArray(best?.labels) || !Array.isArray(best?.scores)) return [];
  const rows = best.labels.slice(0, 10).map((label, index) => {
    const score = Number(best.scores[index]);
    const bar = element("meter", { min: 0, max: 1, value: score, ariaHidden: "true" });
    return element("li", {}, element("span", {}, String(label)), bar, element("span", {}, score.toFixed(3)));
  });
  return [element("ol", { className: "ranking" }, ...rows)];
}
