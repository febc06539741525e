"use strict";
// What a version knows about images: the labels that it can answer, what happens to a photo before the model sees it, and
// how its answers are explained.

const MOST_LABELS = 500; // shown at a time
const FEW_LABELS = 12; // need no search
const COLOURS = { rgb: "RGB", rgba: "RGB and alpha", grayscale: "grey" };
const FITS = {
  stretch: "stretched to the size, whatever its proportions",
  crop: "cut in the middle to the proportions, then resized",
  pad: "resized whole, with black borders",
  crop_or_pad: "not resized: a larger photo is cut to its middle, a smaller one gets black borders",
};

/** The labels, to search if they are many. `kept` keeps what was searched for. */
function labelsPart(version, kept) {
  const labels = version.classes;
  const list = element("ul", { className: "labels", tabIndex: 0, ariaLabel: "Labels" });
  const found = element("p", { className: "quiet", id: "found", role: "status" });
  const search = element("input", { type: "search", id: "search", placeholder: "Search", value: kept.search ?? "" });
  search.ariaLabel = "Search labels";
  const fill = () => {
    const wanted = search.value.trim().toLowerCase();
    const matching = wanted ? labels.filter((label) => label.toLowerCase().includes(wanted)) : labels;
    list.replaceChildren(...matching.slice(0, MOST_LABELS).map((label) => element("li", {}, label)));
    const more = matching.length > MOST_LABELS ? `; the first ${MOST_LABELS} are shown` : "";
    found.textContent = wanted || more ? `${matching.length} of ${labels.length}${more}` : "";
  };
  search.addEventListener("input", () => {
    kept.search = search.value;
    fill();
  });
  fill();
  const title = labels.length === 1 ? "1 label" : `${labels.length} labels`;
  const head = element("div", { className: "searching" }, element("h3", {}, title));
  if (labels.length > FEW_LABELS) head.append(search);
  return element("section", {}, head, found, list);
}

/** The image spec, in words. */
function imagePart(image) {
  const facts = [
    ["Size", `${image.width ?? "?"} × ${image.height ?? "?"} pixels, width × height`],
    ["Colour", COLOURS[image.color] ?? image.color],
    ["Proportions", FITS[image.fit] ?? image.fit],
    ["Resizing", resizingText(image)],
    ["Pixels", pixelsText(image.preprocessing)],
    ["Rotation", "as stored; a camera's rotation mark (EXIF) is ignored, as in training"],
  ];
  const rows = facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
  const about = element("p", { className: "quiet" }, "What the server does to a photo before the model sees it.");
  return section("Image spec", about, element("dl", {}, ...rows));
}

/** How answers are explained, and the command that asks for a heat map. */
function explainPart(model, version) {
  const { layer, methods } = version.explain;
  const usual = version.explain.default;
  const named = [`${usual} (the default)`, ...methods.filter((method) => method !== usual)];
  const facts = [["Methods", named.join(", ")], ["Layer", layer]];
  const rows = facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
  const about = element("p", { className: "quiet" }, "Which parts of an image raise the score of a class.");
  const parts = [about, element("dl", {}, ...rows)];
  if (version.images) {
    const url = new URL(callPath(model, page.choice.which, "explain"), document.baseURI).href;
    const command = `curl -H 'Accept: image/png' --data-binary @photo.jpg -o heat.png \\\n  ${shellQuoted(url)}`;
    parts.push(commandLine(element("code", {}, command)));
  }
  return section("Explanations", ...parts);
}

function resizingText(image) {
  if (image.fit === "crop_or_pad") return "none";
  const library = image.family === "pillow" ? "Pillow" : "TensorFlow";
  return `${image.resize}${image.antialias ? ", antialiased" : ""}, as ${library} does it`;
}

function pixelsText(steps) {
  if (steps === "none") return "unchanged, 0 to 255";
  if (typeof steps === "string") return `as keras.applications.${steps}.preprocess_input`;
  if ("scale" in steps) return `pixel × ${listText(steps.scale)} + ${listText(steps.offset)}`;
  return `(pixel − ${listText(steps.mean)}) / ${listText(steps.std)}`;
}

function listText(numbers) {
  return Array.isArray(numbers) ? `[${numbers.join(", ")}]` : String(numbers);
}
