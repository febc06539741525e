"use strict";
// Files that are dropped anywhere or pasted, and short messages at the foot of the page.

const IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"];
const NOTE_SECONDS = 8;
const CANNOT_BE_READ =
  "It cannot be read. If it is a folder, drop the photos that are in it; if it was changed since, choose it again.";

/**
 * Takes files that are dropped anywhere or pasted.
 * `take` gets them as a list; `invitation` returns what is said while files are held over the page.
 */
function takeFiles(take, invitation) {
  const cover = (shown) => {
    const place = document.getElementById("cover");
    place.textContent = invitation();
    place.hidden = !shown;
  };
  addEventListener("dragenter", (event) => bringsFiles(event) && cover(true));
  addEventListener("dragleave", (event) => event.relatedTarget === null && cover(false));
  addEventListener("dragover", (event) => bringsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    cover(false);
    if (!bringsFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}

function bringsFiles(event) {
  const own = event.target instanceof HTMLInputElement && event.target.type === "file"; // it takes the file itself
  return !own && [...(event.dataTransfer?.types ?? [])].includes("Files");
}

/** A function that runs tasks in their order, at most so many at the same time, and promises their results. */
function queueOf(most) {
  const waiting = [];
  let running = 0;
  const runNext = async () => {
    if (running === most || !waiting.length) return;
    running += 1;
    const { task, done, failed } = waiting.shift();
    await task().then(done, failed);
    running -= 1;
    runNext();
  };
  return (task) =>
    new Promise((done, failed) => {
      waiting.push({ task, done, failed });
      runNext();
    });
}

/** Whether a file's bytes can be read: those of a folder cannot. */
async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** The type that a command names: of the file's ending, since the server goes by the bytes anyway. */
function typeOf(name) {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return IMAGE_TYPES.find((type) => type === `image/${ending}`) ?? "image/jpeg";
}

/** Shows a short message for a while. */
function note(text) {
  const place = document.getElementById("note");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => (place.hidden = true), NOTE_SECONDS * 1_000);
}
