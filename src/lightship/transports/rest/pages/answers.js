"use strict";
// Elements, and how an answer is shown. Names and answers become text nodes: nothing of a server is ever read as HTML.

const LONGEST_ANSWER = 200_000; // characters shown
const MOST_RANKED = 1_000; // labels of one answer shown

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

/** A name as nodes, which may be broken into lines after its underscores. */
function breakable(text) {
  return text.split(/(?<=_)/).flatMap((part, index) => (index ? [element("wbr"), part] : [part]));
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

/** A part of the page below a heading. */
function section(title, ...children) {
  return element("section", {}, element("h3", {}, title), ...children);
}

/** A command line with a button that copies it. */
function commandLine(code) {
  const copy = element("button", { type: "button", className: "copy", onclick: () => copied(copy, code) }, "Copy");
  return element("div", { className: "command" }, element("pre", { tabIndex: 0, ariaLabel: "Command" }, code), copy);
}

async function copied(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code); // a page of plain HTTP may not write to the clipboard
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2_000);
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
    const text = `No answer came: the server has stopped, or cannot be reached from this browser (${error.message}).`;
    return { ok: false, status: "No answer", milliseconds, version: null, text };
  }
}

/** The elements that show an answer. */
function shownAnswer(answer) {
  const parts = [answer.status, ...circumstances(answer)];
  const head = element("p", { className: answer.ok ? "outcome good" : "outcome bad" }, parts.join(" · "));
  const best = bestOf(answer);
  const rows = best === null ? [] : [ranking(best)];
  return [head, ...rows, element("pre", { tabIndex: 0, ariaLabel: "Answer" }, shortened(answer.text))];
}

/** How long an answer took, and which version gave it. */
function circumstances(answer) {
  const time = `${answer.milliseconds.toFixed(answer.milliseconds < 10 ? 1 : 0)} ms`;
  return answer.version === null ? [time] : [time, `version ${answer.version}`];
}

/** What an answer says is wrong. */
function errorOf(answer) {
  try {
    const { error } = JSON.parse(answer.text);
    if (typeof error === "string") return error;
  } catch {} // no JSON, so the text itself
  const text = shortened(answer.text || answer.status);
  return answer.ok ? `The model answers, but not with numbers that can be shown (such as NaN): ${text}` : text;
}

function shortened(text) {
  if (text.length <= LONGEST_ANSWER) return text;
  return `${text.slice(0, LONGEST_ANSWER)}\n… ${text.length - LONGEST_ANSWER} more characters`;
}

/** The labels and scores of an answer, `[[label, score], ...]`; null if it is not one of labels and scores. */
function bestOf(answer) {
  let best;
  try {
    best = JSON.parse(answer.text).predictions[0];
  } catch {
    return null;
  }
  if (!answer.ok || !Array.isArray(best?.labels) || !Array.isArray(best?.scores)) return null;
  return best.labels.slice(0, MOST_RANKED).map((label, index) => [String(label), Number(best.scores[index])]);
}

/**
 * Labels with bars. Scores that cannot be shares of one are shown as they are.
 * `labelItem` makes the element of a label; by default it is its text.
 */
function ranking(best, labelItem = (label) => element("span", { className: "label" }, ...breakable(label))) {
  const scores = best.map(([, score]) => score);
  const upToOne = scores.every((score) => score >= 0 && score <= 1);
  const shares = upToOne && scores.reduce((sum, score) => sum + score, 0) <= 1.001;
  const whole = upToOne ? 1 : Math.max(...scores);
  const rows = best.map(([label, score]) => {
    const bar = element("span", { className: "bar", ariaHidden: "true" }, element("span"));
    bar.firstChild.style.width = `${whole > 0 ? Math.max(0, Math.min(1, score / whole)) * 100 : 0}%`;
    const text = element("span", { className: "score", title: String(score) }, scoreText(score, shares));
    return element("li", {}, labelItem(label), text, bar);
  });
  return element("ol", { className: "ranking" }, ...rows);
}

function scoreText(score, share) {
  if (!share) return score.toPrecision(3);
  if (score > 0 && score < 0.001) return "<0.1%";
  return score < 1 && score >= 0.9995 ? ">99.9%" : `${(score * 100).toFixed(1)}%`;
}
