"use strict";
// The page: the models on the left, the chosen one with its signatures and a call to try on the right.

const LOOK_AGAIN = 5_000; // milliseconds between looks at what is served
const IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"];
const page = { models: [], text: "", drafts: new Map(), choice: {}, image: null };

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
  } catch (error) {
    sayServer("the server does not answer");
  }
}

function sayServer(text) {
  const place = document.getElementById("server");
  if (place.textContent !== text) place.textContent = text;
  place.className = text === "ready" ? "pill good" : "pill bad";
}

function show() {
  const name = decodeURIComponent(location.hash.slice(1));
  const model = page.models.find((one) => one.name === name) ?? page.models[0];
  document.getElementById("models").replaceChildren(...page.models.map((one) => modelLink(one, one === model)));
  document.title = model ? `${model.name} · Lightship` : "Lightship";
  const main = document.getElementById("main");
  if (!model) return main.replaceChildren(element("p", { className: "notice" }, "This server has no models."));
  if (page.choice.model !== model.name) page.choice = { model: model.name, which: "" };
  const focused = document.activeElement;
  const place = focused?.id === "body" ? [focused.selectionStart, focused.selectionEnd] : null;
  main.replaceChildren(...modelParts(model));
  const successor = focused?.id ? document.getElementById(focused.id) : null;
  successor?.focus({ preventScroll: true });
  if (successor && place) successor.setSelectionRange(...place);
}

function modelLink(model, chosen) {
  const good = model.reason === null;
  const link = element("a", { href: "#" + encodeURIComponent(model.name) });
  if (chosen) link.ariaCurrent = "page";
  const state = good ? "answers" : "does not answer";
  const looks = good ? "dot good" : "dot bad";
  link.append(element("span", { className: looks, role: "img", title: state, ariaLabel: state }));
  link.append(element("span", {}, model.name));
  return element("li", {}, link);
}

function modelParts(model) {
  const labels = Object.entries(model.labels).map(([label, version]) => `${label} → ${version}`);
  const told = model.versions.filter((version) => version.state !== "END" || version.problem);
  const chips = told.map((version) => versionChip(version, model.reason === null));
  const parts = [element("h2", {}, model.name), element("ul", { className: "versions" }, ...chips)];
  if (labels.length) parts.push(element("p", { className: "quiet" }, `Labels: ${labels.join(", ")}`));
  if (model.reason !== null) parts.push(element("p", { className: "notice" }, model.reason));
  const version = chosenVersion(model, page.choice.which) ?? chosenVersion(model, (page.choice.which = ""));
  if (!version) return parts;
  if (version.advice) parts.push(element("p", { className: "notice" }, `Version ${version.version} ${version.advice}`));
  return [...parts, tryPart(model, version), signaturesPart(version)];
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

function tryPart(model, version) {
  const choice = settle(model, version);
  const again = (change) => {
    Object.assign(page.choice, change);
    show();
  };
  const versions = model.versions.filter((one) => Object.keys(one.signatures).length);
  const whiches = [
    ["", "newest"],
    ...versions.map((one) => [`versions/${one.version}`, `version ${one.version}`]),
    ...Object.entries(model.labels)
      .filter(([, number]) => versions.some((one) => one.version === number))
      .map(([label]) => [`labels/${encodeURIComponent(label)}`, `label ${label}`]),
  ];
  const named = defaultFirst(version.signatures).map(([name]) => [name, name]);
  const fields = element(
    "div",
    { className: "fields" },
    chooser("which", "Version", whiches, choice.which, (which) => again({ which })),
    chooser("body-kind", "Send", kindsOf(version, choice), choice.kind, (kind) => again({ kind })),
  );
  if (choice.kind !== "image") {
    const verbs = version.signatures[choice.signature].verbs.map((verb) => [verb, verb]);
    const chosen = (signature) => again({ signature, verb: "" });
    fields.append(chooser("signature", "Signature", named, choice.signature, chosen));
    fields.append(chooser("verb", "Verb", verbs, choice.verb, (verb) => again({ verb })));
  }
  return callForm(model, version, choice, fields);
}

/** Brings the choice into line with what the version has. */
function settle(model, version) {
  const choice = page.choice;
  const names = Object.keys(version.signatures);
  if (!names.includes(choice.signature)) choice.signature = defaultFirst(version.signatures)[0][0];
  const verbs = version.signatures[choice.signature].verbs;
  if (!verbs.includes(choice.verb)) choice.verb = verbs[0];
  choice.kind ??= version.images ? "image" : "json";
  if (!kindsOf(version, choice).some(([kind]) => kind === choice.kind)) choice.kind = "json";
  return choice;
}

function kindsOf(version, choice) {
  const inputs = Object.values(version.signatures[choice.signature].inputs);
  const kinds = [["json", "JSON"]];
  if (version.images) kinds.unshift(["image", "an image"]);
  if (inputs.length === 1 && inputs[0].dtype !== "string") kinds.push(["npy", "a .npy file"]);
  return kinds;
}

function callForm(model, version, choice, fields) {
  const body = choice.kind === "json" ? jsonBody(model, version, choice) : fileBody(choice);
  const command = element("code", {});
  const answer = element("div", { id: "answer", ariaLive: "polite" });
  const button = element("button", { type: "submit", id: "send" }, "Send");
  const path = () => callPath(model, choice.which, choice.kind === "json" ? choice.verb : "predict", body.top?.());
  const describe = () => {
    command.textContent = curlCommand(new URL(path(), document.baseURI).href, body.type(), body.shown());
  };
  body.changed = describe;
  describe();
  const submit = async (event) => {
    event.preventDefault();
    if (body.value() === null) return body.focus();
    button.disabled = true;
    answer.replaceChildren(...shownAnswer(await send(path(), body.type(), body.value())));
    button.disabled = false;
  };
  const form = element("form", { onsubmit: submit }, fields, body.part, button);
  const copy = element("button", { type: "button", className: "copy", onclick: () => copied(copy, command) }, "Copy");
  const shell = element("pre", { tabIndex: 0, ariaLabel: "Command" }, command);
  const below = element("div", { className: "command" }, shell, copy);
  return element("section", { className: "try" }, element("h3", {}, "Try it"), form, answer, below);
}

function jsonBody(model, version, choice) {
  const key = [model.name, version.version, choice.signature, choice.verb].join("\n");
  const fresh = () => exampleBody(choice.signature, version.signatures[choice.signature], choice.verb, version.images);
  const text = page.drafts.get(key) ?? fresh();
  const area = element("textarea", { id: "body", value: text, rows: Math.min(16, text.split("\n").length + 1) });
  area.spellcheck = false;
  area.setAttribute("wrap", "off");
  if (!text) area.placeholder = "This input is too large for a text to edit: send a .npy file, or paste JSON";
  const value = () => area.value;
  const body = { part: labelled("Body", area), type: () => "application/json", value, shown: value };
  area.addEventListener("input", () => {
    page.drafts.set(key, area.value);
    body.changed();
  });
  return body;
}

function fileBody(choice) {
  const image = choice.kind === "image";
  const accept = image ? IMAGE_TYPES.join(",") : ".npy";
  const input = element("input", { type: "file", id: "file", accept, required: true });
  const top = element("input", { type: "number", id: "top", min: 1, value: 5 });
  const preview = element("img", { alt: "The chosen image", hidden: true });
  const fields = element("div", { className: "fields" }, labelled("File", input));
  if (image) fields.append(labelled("Labels", top));
  const part = element("div", {}, fields, preview);
  const file = () => input.files[0] ?? null;
  const type = () => (image ? file()?.type || "image/jpeg" : "application/x-npy");
  const shown = () => file()?.name ?? (image ? "photo.jpg" : "tensor.npy");
  const body = { part, type, value: file, shown, focus: () => input.focus() };
  if (image) body.top = () => top.value;
  input.addEventListener("change", () => {
    body.changed();
    if (page.image) URL.revokeObjectURL(page.image);
    page.image = image && file() ? URL.createObjectURL(file()) : null;
    preview.hidden = page.image === null;
    if (page.image) preview.src = page.image;
  });
  top.addEventListener("input", () => body.changed());
  return body;
}

async function copied(button, command) {
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(command); // a page of plain HTTP may not write to the clipboard
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2_000);
}

addEventListener("hashchange", show);
refresh();
setInterval(() => document.hidden || refresh(), LOOK_AGAIN);
