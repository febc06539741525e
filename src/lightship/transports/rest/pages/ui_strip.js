"use strict";
// The photos: where they come from, and the row of those that are there.

const MOST_PHOTOS = 100; // the oldest make room

/** The place where photos come from: large at first, a row of buttons when there are photos. */
function takingPart(look) {
  const input = element("input", {
    type: "file",
    id: "photos",
    className: "unseen",
    multiple: true,
    accept: IMAGE_TYPES.join(","),
  });
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same photo can be chosen again
    look.take(files);
  });
  const choose = element("label", { className: "button", htmlFor: "photos" }, "Choose photos");
  const clear = element(
    "button",
    { type: "button", className: "plain clear", onclick: () => clearPhotos(look) },
    "Clear",
  );
  return element(
    "div",
    { className: "taking large" },
    tiles(),
    element(
      "p",
      { className: "invitation" },
      byMouse("Drop photos anywhere on this page"),
      byHand("Choose photos, or take some"),
    ),
    element(
      "p",
      { className: "quiet hint" },
      byMouse("or paste one. "),
      "You see what the model sees on them, and why.",
    ),
    element("div", { className: "buttons" }, input, choose, ...cameraButton(look.take), clear),
  );
}

/** Words for those who have a mouse, and for those who have a touch screen. */
function byMouse(text) {
  return element("span", { className: "by-mouse" }, text);
}

function byHand(text) {
  return element("span", { className: "by-hand" }, text);
}

/** A small heat map as an ornament. */
function tiles() {
  const stops = stopsOf("cividis");
  const heights = [1, 2, 3, 2, 1, 2, 5, 7, 5, 2, 3, 7, 9, 8, 4, 2, 5, 8, 6, 3, 1, 2, 4, 3, 1];
  const squares = heights.map((height, index) => {
    const square = element("span");
    square.style.backgroundColor = `rgb(${colourAt(stops, height / 9)
      .map(Math.round)
      .join(" ")})`;
    square.style.animationDelay = `${((index * 7) % 25) * 0.12}s`;
    return square;
  });
  return element("div", { className: "tiles", ariaHidden: "true" }, ...squares);
}

function takePhotos(look, files) {
  if (!files.length)
    return note("There is no file in what was dropped or pasted. Save the picture first, then drop it.");
  if (!chosenVersion(look.model, look.which)?.images) return note(refusalOf(look.model));
  const photos = files.slice(0, MOST_PHOTOS).map(newPhoto);
  if (photos.length < files.length) note(`Of ${files.length} photos, the page shows the first ${MOST_PHOTOS}.`);
  look.photos.push(...photos);
  removed(look.photos.splice(0, look.photos.length - MOST_PHOTOS));
  look.current = photos[0];
  for (const photo of photos) decodePhoto(photo).then(() => look.changed(photo));
  renderLook(look);
}

function refusalOf(model) {
  if (model.reason !== null) return model.reason;
  return `${model.name} takes no photos, only tensors: try it on the page API.`;
}

/** Marks photos that are no longer on the page: what waits to be done for them is left out. */
function removed(photos) {
  for (const photo of photos) photo.removed = true;
}

function clearPhotos(look) {
  removed(look.photos);
  look.photos = [];
  look.current = null;
  renderLook(look);
  document.getElementById("photos")?.focus();
}

function replacePhoto(look, old, photo) {
  removed(look.photos.splice(look.photos.indexOf(old), 1, photo));
  if (look.current === old) look.current = photo;
  decodePhoto(photo).then(() => look.changed(photo));
  renderLook(look);
}

/** The row of photos, with the best label of each. It is made anew only where something in it has changed. */
function renderStrip(look) {
  const { photos, model, which, parts } = look;
  const version = chosenVersion(model, which);
  const kept = new Map([...parts.strip.children].map((item) => [item.photo, item]));
  const items = photos.map((photo) => kept.get(photo) ?? stripItem(look, photo));
  if (items.length !== kept.size || items.some((item, index) => item !== parts.strip.children[index])) {
    parts.strip.replaceChildren(...items);
  }
  for (const item of items) renderStripItem(look, item, version);
  parts.strip.hidden = photos.length < 2;
}

function stripItem(look, photo) {
  const choose = () => {
    look.current = photo;
    renderLook(look);
  };
  const frame = element("span", { className: "thumb" });
  const caption = element("span", { className: "caption" }, "…");
  const button = element("button", { type: "button", onclick: choose }, frame, caption);
  const item = element("li", {}, button);
  return Object.assign(item, { photo, frame, caption, button });
}

function renderStripItem(look, item, version) {
  const { photo, frame, caption, button } = item;
  const answer = answerAbout(photo, version, labelsPath(look.model, look.which, version), look.changed);
  const best = answer && bestOf(answer);
  const text = best ? spaced(best[0][0]) : answer ? "refused" : "…";
  if (photo.picture && !frame.firstChild) frame.append(canvasOf(photo.picture, THUMBNAIL));
  if (caption.textContent !== text) caption.textContent = text;
  button.ariaLabel = `${photo.name}: ${text}`;
  button.ariaCurrent = photo === look.current ? "true" : null;
  if (answer && !item.said) say(`${photo.name}: ${best ? text : errorOf(answer)}`);
  item.said ||= Boolean(answer);
}

/** The arrow keys go from photo to photo. */
function moveInStrip(look, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const next = look.photos[look.photos.indexOf(look.current) + step];
  if (!step || !next) return;
  event.preventDefault();
  look.current = next;
  renderLook(look);
  const item = [...look.parts.strip.children].find((one) => one.photo === next);
  item.button.focus();
  item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Tells something to those who hear the page instead of seeing it. */
function say(text) {
  document.getElementById("said").textContent = text;
}
