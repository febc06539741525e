"use strict";
// A heat map over a photo. The colours can be told apart by the colour-blind, and get lighter as the values grow.

const COLOURS = {
  cividis: "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838",
  viridis: "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
  inferno: "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4",
};
const SPOTLIGHT = "spotlight"; // no colours: the photo is dark where the map is low
const COLOURS_AT_FIRST = "cividis";
const OPACITY_AT_FIRST = 0.65;
const HEAT_SIDE = 256; // pixels of the coloured map, which the canvas then stretches
const LEAST_SHARE = 0.3; // of the opacity, where the map is lowest

/** The colours of a table as `[red, green, blue]`, from low to high. */
function stopsOf(name) {
  return COLOURS[name].split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
}

/** The colour at a place from 0 to 1 between the stops. */
function colourAt(stops, place) {
  const exact = place * (stops.length - 1);
  const index = Math.min(Math.floor(exact), stops.length - 2);
  return stops[index].map((low, channel) => low + (stops[index + 1][channel] - low) * (exact - index));
}

/** The highest value of a map; numbers below 0 are coloured as 0 is. */
function highestOf(map) {
  return map.flat().reduce((high, value) => Math.max(high, value), 0);
}

/** The map at `side` × `side` places, between 0 and 1, bilinear between the centres of its cells. */
function enlarged(map, side) {
  const high = highestOf(map) || 1;
  const share = (row, column) => Math.max(0, map[row][column]) / high;
  const across = placesBetween(map[0].length, side);
  const values = new Float32Array(side * side);
  placesBetween(map.length, side).forEach(([top, below, part], y) => {
    across.forEach(([left, right, along], x) => {
      const upper = share(top, left) * (1 - along) + share(top, right) * along;
      const lower = share(below, left) * (1 - along) + share(below, right) * along;
      values[y * side + x] = upper * (1 - part) + lower * part;
    });
  });
  return values;
}

/** For each of `side` places, the two cells that it lies between, and how far it is from the first. */
function placesBetween(cells, side) {
  return Array.from({ length: side }, (_, index) => {
    const exact = Math.max(0, Math.min(cells - 1, ((index + 0.5) * cells) / side - 0.5));
    const first = Math.floor(exact);
    return [first, Math.min(first + 1, cells - 1), exact - first];
  });
}

/** A canvas with the map in colours. The lower a value, the more of the photo shows through. */
function heatCanvas(map, colours) {
  const canvas = element("canvas", { width: HEAT_SIDE, height: HEAT_SIDE });
  const context = canvas.getContext("2d");
  const image = context.createImageData(HEAT_SIDE, HEAT_SIDE);
  const table = Array.from({ length: 256 }, (_, level) => heatColour(colours, level / 255));
  enlarged(map, HEAT_SIDE).forEach((value, index) => image.data.set(table[Math.round(value * 255)], index * 4));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The colour `[red, green, blue, opacity]` of a value from 0 to 1. */
function heatColour(colours, value) {
  if (colours === SPOTLIGHT) return [0, 0, 0, (1 - value) * 255];
  return [...colourAt(stopsOf(colours), value), (LEAST_SHARE + (1 - LEAST_SHARE) * value) * 255];
}

/**
 * Draws a photo, and over it a coloured map (or nothing, where that is null) with an opacity from 0 to 1.
 * `region` is the part of the photo that the map covers, `[left, top, right, bottom]` in shares of its sides; by default
 * all of it. With borders around the photo it is more than that.
 */
function paint(canvas, picture, heat, region, opacity) {
  const context = canvas.getContext("2d");
  const { width, height } = Object.assign(canvas, { width: picture.width, height: picture.height });
  context.drawImage(picture, 0, 0);
  if (!heat || !opacity) return;
  const [left, top, right, bottom] = region ?? [0, 0, 1, 1];
  context.globalAlpha = opacity;
  context.drawImage(heat, left * width, top * height, (right - left) * width, (bottom - top) * height);
}

/** A bar with the colours from low to high, and what they mean. */
function legend(map, colours, label) {
  const high = highestOf(map);
  const bar = element("span", { className: "scale", ariaHidden: "true" });
  const stops = colours === SPOTLIGHT ? ["#000", "#fff"] : stopsOf(colours).map((one) => `rgb(${one.join(" ")})`);
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const text = high > 0 ? `evidence for ${spaced(label)}` : `no evidence for ${spaced(label)}`;
  const numbers = [0, high].map((value) =>
    element("span", { className: "number" }, String(Number(value.toPrecision(3)))),
  );
  return element("figcaption", { className: "legend" }, numbers[0], bar, numbers[1], element("span", {}, text));
}

/** A label as people write it. */
function spaced(label) {
  return label.replaceAll("_", " ");
}
