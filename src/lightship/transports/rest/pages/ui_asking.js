"use strict";
// What is asked of the server about a photo. Each question is asked once; its answer is kept with the photo.

const AT_ONCE = 4; // questions that are on their way at the same time
const MOST_LABELS_ASKED = 1_000; // of one photo
const inTurn = queueOf(AT_ONCE);

/** The answer to a question about a photo, or null while it is on its way; then `changed` is called. */
function answerAbout(photo, version, path, changed) {
  const key = `${version.version} ${path}`; // the newest version may be another one later
  if (!photo.answers.has(key)) {
    photo.answers.set(key, null);
    inTurn(async () => {
      if (photo.removed) return;
      photo.answers.set(key, await sentPhoto(photo, path));
      changed(photo);
    });
  }
  return photo.answers.get(key);
}

async function sentPhoto(photo, path) {
  if (await readable(photo.file)) return send(path, typeOfFile(photo.file), photo.file);
  return { ok: false, status: "Not sent", milliseconds: 0, version: null, text: CANNOT_BE_READ };
}

function typeOfFile(file) {
  return file.type.startsWith("image/") ? file.type : "image/jpeg";
}

/** Forgets the answers that were errors, so that they are asked for again. */
function forgetErrors(photo) {
  for (const [key, answer] of photo.answers) if (answer && !answer.ok) photo.answers.delete(key);
}

/** The path that asks for the labels of a photo, all of them unless they are very many. */
function labelsPath(model, which, version) {
  return callPath(model, which, "predict", Math.min(version.classes.length, MOST_LABELS_ASKED));
}

/** The path that asks for a heat map: for a label, or for the predicted one where that is null. */
function mapPath(model, which, version, method, label) {
  const query = [];
  if (label !== null) query.push(`class=${inQuery(label)}`);
  if (method && method !== version.explain.default) query.push(`method=${inQuery(method)}`);
  return callPath(model, which, "explain") + (query.length ? `?${query.join("&")}` : "");
}

function inQuery(text) {
  return encodeURIComponent(text).replaceAll("'", "%27");
}

const explanations = new WeakMap(); // what was read out of answers

/** What an answer explains: `{ map, label, score, method, layer, ... }`; null if it is an error. */
function explanationOf(answer) {
  if (!answer?.ok) return null;
  if (!explanations.has(answer)) explanations.set(answer, readExplanation(answer.text));
  return explanations.get(answer);
}

function readExplanation(text) {
  try {
    const { explanations: list, method, layer } = JSON.parse(text);
    const [first] = list;
    return Array.isArray(first?.map?.[0]) ? { ...first, method, layer } : null;
  } catch {
    return null;
  }
}

const heats = new WeakMap(); // the coloured maps of explanations

/** The coloured map of an explanation, made once for each kind of colours. */
function heatOf(explanation, colours) {
  const made = heats.get(explanation);
  if (made?.colours === colours) return made.canvas;
  const canvas = heatCanvas(explanation.map, colours);
  heats.set(explanation, { colours, canvas });
  return canvas;
}
