"use strict";
// Photos: dropped anywhere, pasted or chosen. Each is sent at once and gets a card with its labels, or with the error.

const AT_ONCE = 4; // photos of a model that are sent at the same time
const MOST_CARDS = 200; // of a model; the oldest make room
const albums = new Map(); // by the names of models, so that cards stay when another model is looked at

/** The cards of a model, and its photos that wait for their turn. */
function albumOf(name) {
  let album = albums.get(name);
  if (album === undefined) {
    const list = element("ol", { className: "photos", ariaLabel: "Photos" });
    const status = element("p", { className: "quiet", id: "progress", role: "status" });
    album = { list, status, waiting: [], running: 0, cards: [], lastName: "photo.jpg" };
    albums.set(name, album);
  }
  return album;
}

/** The part of the page that takes photos of a model and shows their answers. */
function photosPart(model) {
  const album = albumOf(model.name);
  const accept = IMAGE_TYPES.join(",");
  const input = element("input", { type: "file", id: "photos", className: "unseen", multiple: true, accept });
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same photo can be chosen again
    addPhotos(files);
  });
  const choose = element("label", { className: "button", htmlFor: "photos" }, "Choose photos");
  const top = element("input", { type: "number", id: "top", min: 1, value: page.top });
  const code = element("code", {});
  const describe = () => {
    const url = new URL(photoPath(model), document.baseURI).href;
    code.textContent = curlCommand(url, typeOf(album.lastName), album.lastName);
  };
  album.changed = describe;
  top.addEventListener("input", () => {
    page.top = top.value;
    describe();
  });
  describe();
  const zone = element(
    "div",
    { className: "zone" },
    element("p", { className: "invitation" }, "Drop photos anywhere on this page"),
    element("p", { className: "quiet" }, "or paste one, or choose some here: each is answered at once"),
    element("div", { className: "fields" }, input, choose, labelled("Labels shown", top)),
  );
  const clear = element("button", { type: "button", className: "plain", id: "clear" }, "Clear");
  clear.addEventListener("click", () => clearAlbum(album));
  album.clear = clear;
  const bar = element("div", { className: "progress" }, album.status, clear);
  sayProgress(album);
  return section("Photos", zone, bar, album.list, commandLine(code));
}

function photoPath(model) {
  return callPath(model, page.choice.which, "predict", page.top);
}

/** Takes files, wherever they come from, for the model that is shown. */
function addPhotos(files) {
  const { model, version } = page.shown;
  if (!files.length) return note("There is no file in what was dropped or pasted. Save the picture first, then drop it.");
  if (!version?.images) return note(refusalOf(model));
  const album = albumOf(model.name);
  const cards = files.map((file) => photoCard(album, file, photoPath(model)));
  album.list.prepend(...cards.map((card) => card.item));
  album.cards.unshift(...cards);
  album.waiting.push(...cards);
  for (const card of album.cards.splice(MOST_CARDS)) removeCard(card);
  album.lastName = files.at(-1).name || album.lastName;
  album.changed();
  sendWaiting(album);
}

function refusalOf(model) {
  if (!model) return "This server has no models.";
  const other = page.models.find((one) => chosenVersion(one, "")?.images);
  const hint = other ? ` Choose ${other.name}, which does.` : "";
  return `${model.name} takes no photos now.${hint}`;
}

function photoCard(album, file, path) {
  const name = file.name || "pasted image";
  const picture = element("img", { alt: "", decoding: "async", src: URL.createObjectURL(file) });
  const frame = element("div", { className: "frame" }, picture);
  picture.addEventListener("error", () => frame.replaceChildren(element("span", { className: "quiet" }, "no preview")));
  const answer = element("div", { className: "answer" }, element("p", { className: "quiet" }, "Waiting …"));
  const title = element("p", { className: "name", title: name }, name);
  const told = element("div", { className: "told" }, title, answer);
  const item = element("li", { className: "photo", ariaBusy: "true" }, frame, told);
  return { album, file, path, picture, answer, item, state: "waiting" };
}

function sendWaiting(album) {
  while (album.running < AT_ONCE && album.waiting.length) sendPhoto(album, album.waiting.shift());
  sayProgress(album);
}

async function sendPhoto(album, card) {
  if (card.state === "removed") return;
  album.running += 1;
  card.state = "asking";
  card.answer.replaceChildren(element("p", { className: "quiet" }, "Asking …"));
  const answer = await answerTo(card);
  album.running -= 1;
  if (card.state !== "removed") showPhotoAnswer(card, answer);
  sendWaiting(album);
}

async function answerTo({ file, path }) {
  if (!(await readable(file))) {
    return { ok: false, status: "Not sent", milliseconds: 0, version: null, text: CANNOT_BE_READ };
  }
  return send(path, file.type.startsWith("image/") ? file.type : "image/jpeg", file);
}

function showPhotoAnswer(card, answer) {
  const best = bestOf(answer);
  const good = answer.ok && best !== null;
  card.state = good ? "answered" : "failed";
  card.item.ariaBusy = "false";
  card.item.classList.toggle("failed", !good);
  const facts = element("p", { className: "quiet facts" }, [answer.status, ...circumstances(answer)].join(" · "));
  if (good) return card.answer.replaceChildren(ranking(best), facts);
  const again = element("button", { type: "button", className: "plain" }, "Try again");
  again.addEventListener("click", () => {
    card.state = "waiting";
    card.item.ariaBusy = "true";
    card.answer.replaceChildren(element("p", { className: "quiet" }, "Waiting …"));
    card.album.waiting.push(card);
    sendWaiting(card.album);
  });
  card.answer.replaceChildren(element("p", { className: "bad problem" }, errorOf(answer)), facts, again);
}

function sayProgress(album) {
  const of = (state) => album.cards.filter((card) => card.state === state).length;
  const total = album.cards.length;
  const failed = of("failed");
  const parts = [`${of("answered")} of ${total} answered`];
  if (failed) parts.push(`${failed} refused`);
  album.status.textContent = total ? parts.join(", ") : "";
  album.status.parentElement?.classList.toggle("empty", !total);
  if (album.clear) album.clear.hidden = !total;
}

function clearAlbum(album) {
  album.waiting = [];
  for (const card of album.cards.splice(0)) removeCard(card);
  sayProgress(album);
  document.getElementById("photos")?.focus();
}

function removeCard(card) {
  card.state = "removed";
  URL.revokeObjectURL(card.picture.src);
  card.item.remove();
}

takeFiles(addPhotos, () => {
  const { model, version } = page.shown;
  return version?.images ? `Drop to ask ${model.name}` : refusalOf(model);
});
