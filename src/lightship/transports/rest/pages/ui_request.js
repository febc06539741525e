"use strict";
// The same by a program: commands to copy, and files to save.

/** The part of the page with the request as curl and as Python. `render()` brings it up to date. */
function newRequestPart(look) {
  const [curl, python] = [element("code", {}), element("code", {})];
  const part = (name, code) => element("div", {}, element("h3", {}, name), commandLine(code));
  const commands = element("div", { className: "commands" }, part("curl", curl), part("Python", python));
  const item = element("section", { className: "programs" }, element("h2", {}, "Use it in a program"), commands);
  const render = () => {
    const version = chosenVersion(look.model, look.which);
    if (!version) return;
    curl.textContent = curlText(look, version);
    python.textContent = pythonText(look, version);
  };
  return { item, render };
}

function curlText(look, version) {
  const photo = `--data-binary ${shellQuoted(`@${nameOf(look)}`)}`; // the server knows an image by its first bytes
  const address = (path) => shellQuoted(new URL(path, document.baseURI).href);
  const labels = `curl ${photo} \\\n  ${address(callPath(look.model, look.which, "predict", LABELS_SHOWN))}`;
  if (!version.explain) return labels;
  const path = mapPath(look.model, look.which, version, methodOf(look, version), look.current?.label ?? null);
  const map = `curl ${photo} \\\n  -H 'Accept: image/png' -o heat.png \\\n  ${address(path)}`;
  return `# the labels\n${labels}\n\n# the heat map over the photo\n${map}`;
}

function pythonText(look, version) {
  const [photo, model] = [nameOf(look), look.model.name].map((text) => JSON.stringify(text));
  const address = new URL(root || "./", document.baseURI).href.replace(/\/$/, "");
  const [kind, value] = look.which.split("/");
  const given = { versions: `, version=${value}`, labels: `, label=${JSON.stringify(decodeURIComponent(value))}` };
  const which = given[kind] ?? "";
  const lines = [
    "from lightship import Client",
    "",
    `with Client(${JSON.stringify(address)}) as client:`,
    `    print(client.classify_image(${model}, ${photo}${which}))`,
  ];
  if (version.explain) {
    const label = look.current?.label ?? null;
    const method = methodOf(look, version);
    const named = label === null ? "" : `, class_=${JSON.stringify(label)}`;
    const by = method === version.explain.default ? "" : `, method=${JSON.stringify(method)}`;
    lines.push(`    client.explain_image(${model}, ${photo}${named}${by}${which}).save("heat.png")`);
  }
  return lines.join("\n");
}

function nameOf(look) {
  return look.current?.name ?? "photo.jpg";
}

function download(blob, name) {
  if (!blob) return note("This browser could not make the file.");
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name.replace(/[\/\\:]/g, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A map as a file of numpy's: float32 [h, w]. */
function npyBlob(map) {
  const shape = `(${map.length}, ${map[0].length})`;
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const whole = Math.ceil((head.length + 11) / 64) * 64; // the numbers begin at a multiple of 64 bytes
  const padded = head.padEnd(whole - 11) + "\n";
  const start = new Uint8Array([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    1,
    0,
    padded.length & 255,
    padded.length >> 8,
  ]);
  const values = new DataView(new ArrayBuffer(4 * map.length * map[0].length));
  map.flat().forEach((value, index) => values.setFloat32(4 * index, value, true));
  return new Blob([start, padded, values.buffer]);
}
