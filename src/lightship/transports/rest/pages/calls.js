"use strict";
// What a call is: its address, a body to begin with, and the command that does the same. Nothing here touches the page.

const MOST_VALUES = 100_000; // of an example; more is no text for a person to edit
const LONGEST_ARGUMENT = 2_000; // characters of a body within a command

/** The version that a choice stands for: "" is the newest, otherwise "versions/3" or "labels/stable". */
function chosenVersion(model, which) {
  const answering = model.versions.filter((version) => Object.keys(version.signatures).length);
  const [kind, name] = which.split("/");
  if (kind === "versions") return answering.find((version) => version.version === name);
  if (kind === "labels") return answering.find((version) => version.version === model.labels[decodeURIComponent(name)]);
  return answering[0];
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

/** The path of a call, relative to this page. */
function callPath(model, which, verb, top) {
  const name = encodeURIComponent(model.name).replaceAll("'", "%27");
  const path = `${root}v1/models/${name}${which && "/" + which}:${verb}`;
  return top ? `${path}?top=${top}` : path;
}

/** A body to begin with, as text; "" where it would be too long to edit. */
function exampleBody(name, signature, verb, images) {
  const named = name === "serving_default" ? {} : { signature_name: name };
  if (verb !== "predict") {
    return written({ ...named, examples: [images ? { "image/encoded": { b64: "" } } : { x: 1.5 }] });
  }
  const inputs = Object.entries(signature.inputs);
  const values = inputs.reduce((sum, [, tensor]) => sum + count(rowShape(tensor)), 0);
  if (values > MOST_VALUES) return "";
  const byRows = inputs.every(([, tensor]) => tensor.shape === null || tensor.shape.length > 0);
  const filled = inputs.map(([key, tensor]) => [key, filledWith(example(key, tensor), byRows ? rowShape(tensor) : [])]);
  const row = inputs.length === 1 ? filled[0][1] : Object.fromEntries(filled);
  return written({ ...named, ...(byRows ? { instances: Array(batchOf(inputs)).fill(row) } : { inputs: row }) });
}

/** The command line that makes the same call. */
function curlCommand(url, kind, body) {
  const data = kind.startsWith("application/json")
    ? `-d ${shellQuoted(body.length > LONGEST_ARGUMENT ? "@body.json" : body)}`
    : `-H ${shellQuoted("Content-Type: " + kind)} --data-binary ${shellQuoted("@" + body)}`;
  return `curl ${data} \\\n  ${shellQuoted(url)}`;
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A tensor's shape for people: ? is a free dimension. */
function shapeText(shape) {
  return shape === null ? "any rank" : `[${shape.map((size) => (size < 0 ? "?" : size)).join(", ")}]`;
}

function rowShape(tensor) {
  return (tensor.shape ?? []).slice(1).map((size) => (size < 0 ? 1 : size));
}

function batchOf(inputs) {
  const fixed = inputs.map(([, tensor]) => tensor.shape?.[0] ?? -1).filter((size) => size > 0);
  return Math.min(fixed[0] ?? 1, 100);
}

function count(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

function example(name, tensor) {
  if (tensor.dtype === "string") return name.endsWith("_bytes") ? { b64: "" } : "text";
  if (tensor.dtype === "bool") return true;
  return tensor.dtype.includes("int") ? 1 : 0.5;
}

function filledWith(value, shape) {
  return shape.reduceRight((inner, size) => Array(size).fill(inner), value);
}

/** JSON on several lines, but with every list of plain values on one. */
function written(value, indent = "") {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const list = Array.isArray(value);
  const members = list ? value : Object.values(value);
  if (!members.length) return list ? "[]" : "{}";
  if (members.every((one) => one === null || typeof one !== "object")) {
    return list ? `[${members.map((one) => JSON.stringify(one)).join(", ")}]` : inline(value);
  }
  const deeper = indent + "  ";
  const lines = Object.entries(value).map(
    ([key, one]) => deeper + (list ? "" : JSON.stringify(key) + ": ") + written(one, deeper),
  );
  const [open, close] = list ? "[]" : "{}";
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

function inline(object) {
  const members = Object.entries(object).map(([key, one]) => `${JSON.stringify(key)}: ${JSON.stringify(one)}`);
  return `{${members.join(", ")}}`;
}
