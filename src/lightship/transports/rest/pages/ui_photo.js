"use strict";
// One photo: its pixels as the model gets them, its thumbnail, and whether its camera was turned.

const LONGEST_SIDE = 1_600; // pixels of a photo on the page
const THUMBNAIL = 144; // pixels
const DECODED_AT_ONCE = 2; // photos; one of a phone takes 50 MB meanwhile
const MOST_EXIF = 128 << 10; // bytes at the beginning of a file that are looked through for the rotation mark

/** A photo that nothing is known of yet. */
function newPhoto(file) {
  return {
    file,
    name: file.name || "photo.png",
    picture: null, // a canvas, as soon as it is decoded
    problem: "", // why there is no picture
    removed: false, // whether it is no longer on the page
    turned: false, // whether its camera says that it is to be turned
    label: null, // the label that is explained; null: the predicted one
    answers: new Map(), // by what was asked
  };
}

const decodeInTurn = queueOf(DECODED_AT_ONCE);

/** Decodes a photo without turning it, as the server does, and no larger than a page needs. */
function decodePhoto(photo) {
  return decodeInTurn(() => (photo.removed ? Promise.resolve() : decodeNow(photo)));
}

async function decodeNow(photo) {
  try {
    const mark = await rotationMark(photo.file);
    const bitmap = await createImageBitmap(mark ? withoutMark(photo.file, mark) : photo.file);
    photo.picture = canvasOf(bitmap, LONGEST_SIDE);
    photo.turned = mark !== null;
    bitmap.close();
  } catch {
    const read = await readable(photo.file);
    photo.problem = read ? "This browser cannot show it." : "It cannot be read: drop the photos, not their folder.";
  }
}

/** A canvas with a picture, whose longer side has at most so many pixels. */
function canvasOf(picture, longest) {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
}

/** A file with the photo as its camera was held, without the mark that says so. */
async function uprightFile(photo) {
  const bitmap = await createImageBitmap(photo.file);
  const canvas = canvasOf(bitmap, Infinity);
  bitmap.close();
  return fileOf(canvas, photo.name.replace(/(\.\w+)?$/, "-upright.jpg"));
}

/** A JPEG file with what a canvas shows. */
async function fileOf(canvas, name) {
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  if (!blob) throw new Error("the picture is too large");
  return new File([blob], name, { type: "image/jpeg" });
}

/** The file without its rotation mark. A browser turns each photo that has one. */
function withoutMark(file, { from, to, bytes }) {
  return new Blob([file.slice(0, from), new Uint8Array(bytes), file.slice(to)]);
}

/**
 * The rotation mark (EXIF orientation) of a JPEG or PNG, if it says that the photo is to be turned; or null. It is the
 * part of the file to replace, from its first byte up to, but without, `to`, and the bytes that say nothing instead.
 */
async function rotationMark(file) {
  const view = new DataView(await file.slice(0, MOST_EXIF).arrayBuffer());
  if (view.byteLength < 8) return null;
  if (view.getUint32(0) === 0x89504e47) return markInPng(view);
  return view.getUint16(0) === 0xffd8 ? markInJpeg(view) : null;
}

function markInJpeg(view) {
  for (let at = 2; at + 10 < view.byteLength && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xda) return null; // the pixels begin
    if (marker === 0xe1 && view.getUint32(at + 4) === 0x45786966) return markIn(view, at + 10);
  }
  return null;
}

/** In a PNG it is the whole chunk `eXIf`, which has a checksum. */
function markInPng(view) {
  for (let at = 8; at + 12 < view.byteLength; at += 12 + view.getUint32(at)) {
    const kind = view.getUint32(at + 4);
    if (kind === 0x49444154) return null; // the pixels begin
    if (kind !== 0x65584966) continue;
    return markIn(view, at + 8) && { from: at, to: at + 12 + view.getUint32(at), bytes: [] };
  }
  return null;
}

/** The rotation mark in EXIF data, which begins at `start` with the order of its bytes. */
function markIn(view, start) {
  try {
    const little = view.getUint16(start) === 0x4949;
    const list = start + view.getUint32(start + 4, little);
    for (let index = 0; index < view.getUint16(list, little); index += 1) {
      const entry = list + 2 + index * 12;
      if (view.getUint16(entry, little) !== 0x0112) continue;
      const value = view.getUint16(entry + 8, little);
      return value > 1 && value <= 8 ? { from: entry + 8, to: entry + 10, bytes: little ? [1, 0] : [0, 1] } : null;
    }
  } catch {} // it ends too early
  return null;
}
