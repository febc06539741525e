"use strict";
// The page: the models on the left; on the right the chosen one, with photos or a call to try, and what it is.

const LOOK_AGAIN = 5_000; // milliseconds between looks at what is served
const page = {
  models: [],
  text: "",
  shown: { model: null, version: null },
  choice: {},
  top: 5, // labels of a photo
  drafts: new Map(), // of JSON bodies
  kept: new Map(), // what was opened and searched, by the names of models
};

async function refresh() {
  try {
    const answer = await fetch("openapi.json");
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    if (text !== page.text) {
      page.text = text;
      page.models = JSON.parse(text)["x-lightship-models"];
      show();
    }
    sayServer(page.models.some((model) => model.reason !== null) ? "some models do not answer" : "ready");
  } catch {
    sayServer("the server does not answer");
  }
}

function sayServer(text) {
  const place = document.getElementById("server");
  if (place.textContent !== text) place.textContent = text;
  place.className = text === "ready" ? "pill good" : "pill bad";
}

function show() {
  const name = nameInAddress();
  const model = page.models.find((one) => one.name === name) ?? page.models[0];
  showModels(model);
  document.title = model ? `${model.name} · Lightship` : "Lightship";
  const main = document.getElementById("main");
  if (!model) {
    page.shown = { model: null, version: null };
    return main.replaceChildren(element("p", { className: "notice" }, "This server has no models."));
  }
  if (page.choice.model !== model.name) page.choice = { model: model.name, which: "" };
  const focused = document.activeElement;
  const place = focused?.selectionStart == null ? null : [focused.selectionStart, focused.selectionEnd];
  main.replaceChildren(...modelParts(model));
  const successor = focused?.id ? document.getElementById(focused.id) : null;
  successor?.focus({ preventScroll: true });
  if (successor && place) successor.setSelectionRange(...place);
}

/** The list of the models. On a phone it is a row, which is moved to the chosen one. */
function showModels(chosen) {
  const list = document.getElementById("models");
  list.replaceChildren(...page.models.map((one) => modelLink(one, one === chosen)));
  const item = list.querySelector("[aria-current]")?.parentElement;
  if (item) list.scrollLeft = item.offsetLeft - list.offsetLeft;
}

function nameInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // an address that somebody typed
  }
}

function modelLink(model, chosen) {
  const good = model.reason === null;
  const link = element("a", { href: "#" + encodeURIComponent(model.name) });
  if (chosen) link.ariaCurrent = "page";
  const state = good ? "answers" : "does not answer";
  const looks = good ? "dot good" : "dot bad";
  link.append(element("span", { className: looks, role: "img", title: state, ariaLabel: state }));
  link.append(element("span", {}, ...breakable(model.name)));
  return element("li", {}, link);
}

function modelParts(model) {
  const version = chosenVersion(model, page.choice.which) ?? chosenVersion(model, (page.choice.which = ""));
  page.shown = { model, version };
  const labels = Object.entries(model.labels).map(([label, version]) => `${label} → ${version}`);
  const told = model.versions.filter((version) => version.state !== "END" || version.problem);
  const chips = told.map((version) => versionChip(version, model.reason === null));
  const head = element("div", { className: "title" }, element("h2", {}, ...breakable(model.name)));
  const parts = [head, element("ul", { className: "versions" }, ...chips)];
  if (labels.length) parts.push(element("p", { className: "quiet" }, `Labels of versions: ${labels.join(", ")}`));
  if (model.reason !== null) parts.push(element("p", { className: "notice" }, model.reason));
  if (!version) return parts;
  const whiches = whichVersions(model);
  if (whiches.length > 2) {
    head.append(chooser("which", "Version", whiches, page.choice.which, (which) => again({ which })));
  }
  if (version.advice) parts.push(element("p", { className: "notice" }, `Version ${version.version} ${version.advice}`));
  return [...parts, ...versionParts(model, version)];
}

/** Photos first where the version takes them; the other calls are folded up then. */
function versionParts(model, version) {
  const kept = page.kept.get(model.name) ?? {};
  page.kept.set(model.name, kept);
  const parts = version.images ? [photosPart(model)] : [section("Try it", ...tryParts(model, version))];
  if (version.classes.length) parts.push(labelsPart(version, kept));
  if (version.image) parts.push(imagePart(version.image));
  if (version.explain) parts.push(explainPart(model, version));
  if (version.images) parts.push(folded("Send tensors", kept, "tensors", tryParts(model, version)));
  parts.push(signaturesPart(version));
  return parts;
}

function folded(title, kept, name, children) {
  const summary = element("summary", {}, element("h3", {}, title));
  const details = element("details", { id: name, open: Boolean(kept[name]) }, summary, ...children);
  details.addEventListener("toggle", () => (kept[name] = details.open));
  return element("section", {}, details);
}

/** What a call can ask for, as `[value, text]`. The first is the newest version. */
function whichVersions(model) {
  const versions = model.versions.filter((one) => Object.keys(one.signatures).length);
  return [
    ["", "newest"],
    ...versions.map((one) => [`versions/${one.version}`, `version ${one.version}`]),
    ...Object.entries(model.labels)
      .filter(([, number]) => versions.some((one) => one.version === number))
      .map(([label]) => [`labels/${encodeURIComponent(label)}`, `label ${label}`]),
  ];
}

/** Shows the page again after another choice. */
function again(change) {
  Object.assign(page.choice, change);
  show();
}

/** With its problem where the model answers all the same: else that stands below, as the reason. */
function versionChip(version, withProblem) {
  const good = version.state === "AVAILABLE";
  const title = version.problem || version.state;
  const text = `version ${version.version} ${version.state}`;
  const chip = element("li", { className: good ? "pill good" : "pill", title }, text);
  if (withProblem && version.problem) chip.append(element("span", { className: "problem" }, version.problem));
  return chip;
}

function signaturesPart(version) {
  const parts = defaultFirst(version.signatures).map(([name, signature]) =>
    element(
      "article",
      {},
      element("h4", {}, name),
      element("p", { className: "quiet" }, signature.method || "no method"),
      tensorTable("Inputs", signature.inputs),
      tensorTable("Outputs", signature.outputs),
    ),
  );
  return element("section", {}, element("h3", {}, `Signatures of version ${version.version}`), ...parts);
}

function defaultFirst(signatures) {
  const first = ([name]) => (name === "serving_default" ? 0 : 1);
  return Object.entries(signatures).sort((one, other) => first(one) - first(other));
}

function tensorTable(title, tensors) {
  const rows = Object.entries(tensors).map(([name, tensor]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", {}, tensor.dtype),
      element("td", {}, shapeText(tensor.shape)),
    ),
  );
  return element("table", {}, element("caption", {}, title), element("tbody", {}, ...rows));
}

addEventListener("hashchange", () => {
  document.getElementById("note").hidden = true;
  show();
});
refresh();
setInterval(() => document.hidden || refresh(), LOOK_AGAIN);
