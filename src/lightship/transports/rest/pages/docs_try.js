"use strict";
// A call to try: JSON that can be edited, or a .npy file, with its answer and the command that does the same.

function tryParts(model, version) {
  const choice = settle(model, version);
  const named = defaultFirst(version.signatures).map(([name]) => [name, name]);
  const verbs = version.signatures[choice.signature].verbs.map((verb) => [verb, verb]);
  const kinds = kindsOf(version, choice);
  const fields = element("div", { className: "fields" });
  fields.append(chooser("signature", "Signature", named, choice.signature, (signature) => again({ signature, verb: "" })));
  fields.append(chooser("verb", "Verb", verbs, choice.verb, (verb) => again({ verb })));
  if (kinds.length > 1) fields.append(chooser("body-kind", "Send", kinds, choice.kind, (kind) => again({ kind })));
  return callParts(model, version, choice, fields);
}

/** Brings the choice into line with what the version has. */
function settle(model, version) {
  const choice = page.choice;
  const names = Object.keys(version.signatures);
  if (!names.includes(choice.signature)) choice.signature = defaultFirst(version.signatures)[0][0];
  const verbs = version.signatures[choice.signature].verbs;
  if (!verbs.includes(choice.verb)) choice.verb = verbs[0];
  if (!kindsOf(version, choice).some(([kind]) => kind === choice.kind)) choice.kind = "json";
  return choice;
}

/** A .npy file holds numbers, for the one input of the default signature. */
function kindsOf(version, choice) {
  const inputs = Object.values(version.signatures[choice.signature].inputs);
  const npy = choice.signature === "serving_default" && inputs.length === 1 && inputs[0].dtype !== "string";
  return npy && choice.verb === "predict" ? [["json", "JSON"], ["npy", "a .npy file"]] : [["json", "JSON"]];
}

function callParts(model, version, choice, fields) {
  const body = choice.kind === "json" ? jsonBody(model, version, choice) : fileBody();
  const code = element("code", {});
  const answer = element("div", { id: "answer", ariaLive: "polite" });
  const button = element("button", { type: "submit", id: "send" }, "Send");
  const path = callPath(model, choice.which, choice.verb);
  body.changed = () => (code.textContent = curlCommand(new URL(path, document.baseURI).href, body.type, body.shown()));
  body.changed();
  const submit = async (event) => {
    event.preventDefault();
    if (body.value() === null) return body.focus();
    button.disabled = true;
    answer.replaceChildren(...shownAnswer(await send(path, body.type, body.value())));
    button.disabled = false;
  };
  return [element("form", { onsubmit: submit }, fields, body.part, button), answer, commandLine(code)];
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
  const body = { part: labelled("Body", area), type: "application/json", value, shown: value };
  area.addEventListener("input", () => {
    page.drafts.set(key, area.value);
    body.changed();
  });
  return body;
}

function fileBody() {
  const input = element("input", { type: "file", id: "file", accept: ".npy", required: true });
  const value = () => input.files[0] ?? null;
  const part = element("div", { className: "fields" }, labelled("File", input));
  const shown = () => value()?.name ?? "tensor.npy";
  const body = { part, type: "application/x-npy", value, shown, focus: () => input.focus() };
  input.addEventListener("change", () => body.changed());
  return body;
}
