"use strict";
// What one version says of a photo: the photo with its heat map, the labels with bars, how long it took.

const LABELS_SHOWN = 5;
const AWAITED = "The heat map is on its way …"; // the first one of a version takes longer, since it is compiled then

/** A pane; `which()` says what version it asks. `render()` brings it up to date. */
function newPane(look, which) {
  const canvas = element("canvas", { role: "img", width: 1, height: 1 });
  const stage = element("div", { className: "stage" }, canvas);
  const scale = element("div", { className: "under" });
  const title = element("h2", {});
  const figure = element("figure", {}, title, stage, scale);
  const verdict = element("div", { className: "verdict" });
  const parts = { canvas, stage, scale, title, verdict };
  const pane = { look, which, parts, shown: "", item: element("article", { className: "pane" }, figure, verdict) };
  pane.render = () => renderPane(pane);
  return pane;
}

function renderPane(pane) {
  const { look, parts } = pane;
  const version = chosenVersion(look.model, pane.which());
  const photo = look.current;
  pane.item.hidden = !version?.images;
  if (pane.item.hidden || !photo) return;
  const labels = answerAbout(photo, version, labelsPath(look.model, pane.which(), version), look.changed);
  const path = version.explain && mapPath(look.model, pane.which(), version, methodOf(look, version), photo.label);
  const mapped = path && labels?.ok ? answerAbout(photo, version, path, look.changed) : null;
  const explanation = explanationOf(mapped) ?? (mapped || !path ? null : shownBefore(pane, photo, version));
  pane.before = { photo, version: version.version, explanation };
  parts.title.textContent = look.other === null ? "" : whichText(look.model, pane.which());
  parts.title.hidden = look.other === null;
  renderStage(pane, photo, explanation);
  const shown = {
    photo,
    labels,
    mapped,
    explanation,
    label: photo.label,
    other: look.other,
    version: version.version,
    colours: look.colours,
  };
  if (pane.shown && Object.keys(shown).every((key) => pane.shown[key] === shown[key])) return;
  pane.shown = shown;
  renderVerdict(pane, photo, version, labels, mapped, explanation);
}

/** The explanation that was shown of the same photo, which stays until another one has come. */
function shownBefore({ before }, photo, version) {
  return before?.photo === photo && before.version === version.version ? before.explanation : null;
}

/** The chosen method, where this version has it. */
function methodOf(look, version) {
  return version.explain.methods.includes(look.method) ? look.method : version.explain.default;
}

function whichText(model, which) {
  const version = chosenVersion(model, which);
  const name = `version ${version.version}`;
  if (!which) return `${name} · newest`;
  return which.startsWith("labels/") ? `${name} · ${decodeURIComponent(which.slice(7))}` : name;
}

function renderStage({ look, parts }, photo, explanation) {
  const heat = explanation && heatOf(explanation, look.colours);
  parts.stage.classList.toggle("empty", !photo.picture);
  parts.canvas.hidden = !photo.picture;
  if (photo.picture) paint(parts.canvas, photo.picture, heat, explanation?.region, look.opacity);
  const over = explanation ? `, with the heat map of ${spaced(explanation.label)} over it` : "";
  parts.canvas.ariaLabel = `${photo.name}${over}`;
  if (photo.problem && !parts.stage.querySelector("p")) parts.stage.append(element("p", { className: "quiet" }));
  const problem = parts.stage.querySelector("p");
  if (problem) problem.textContent = photo.problem;
}

function renderVerdict(pane, photo, version, labels, mapped, explanation) {
  const { look, parts } = pane;
  const best = labels && bestOf(labels);
  const focused = parts.verdict.contains(document.activeElement) ? document.activeElement.dataset.label : undefined;
  const children = [];
  if (!labels) children.push(element("p", { className: "quiet busy" }, "Asking …"));
  else if (best) children.push(...labelsParts(pane, photo, best, explanation), factsPart(labels, mapped, explanation));
  else children.push(...refusedParts(look, photo, labels));
  if (best && !version.explain) children.push(unexplained(look.model, pane.which()));
  if (mapped && !explanation) children.push(...refusedParts(look, photo, mapped, "No heat map: "));
  if (explanation) children.push(savesPart(pane, photo, explanation));
  parts.verdict.replaceChildren(...children);
  const awaited = best && version.explain && !mapped ? [element("p", { className: "quiet busy" }, AWAITED)] : [];
  parts.scale.replaceChildren(...(explanation ? [legend(explanation.map, look.colours, explanation.label)] : awaited));
  if (focused === undefined) return;
  [...parts.verdict.querySelectorAll("[data-label]")].find((one) => one.dataset.label === focused)?.focus();
}

/** The best label in large letters, and the others with bars. Each can be chosen to be explained. */
function labelsParts(pane, photo, best, explanation) {
  const explained = photo.label ?? best[0][0];
  const rows = best.slice(0, LABELS_SHOWN);
  const chosen = best.find(([label]) => label === explained);
  if (chosen && !rows.includes(chosen)) rows.push(chosen);
  const list = ranking(rows, (label) => {
    const chosen = label === explained;
    const choose = () => pane.look.choose(photo, label === best[0][0] ? null : label);
    const button = element("button", { type: "button", className: "label", onclick: choose }, spaced(label));
    button.ariaPressed = String(chosen);
    button.dataset.label = label;
    button.title = `Show the heat map for ${spaced(label)}`;
    return button;
  });
  list.ariaLabel = "Labels";
  return [element("p", { className: "best" }, spaced(best[0][0])), list];
}

function factsPart(labels, mapped, explanation) {
  const parts = [`labels ${circumstances(labels)[0]}`];
  if (explanation && mapped) {
    const [rows, columns] = [explanation.map.length, explanation.map[0].length];
    parts.push(`heat map ${circumstances(mapped)[0]}`);
    parts.push(`${explanation.method}, ${rows} × ${columns} cells of layer ${explanation.layer}`);
  }
  if (labels.version !== null) parts.push(`version ${labels.version}`);
  return element("p", { className: "quiet facts" }, parts.join(" · "));
}

function refusedParts(look, photo, answer, before = "") {
  const again = () => {
    forgetErrors(photo);
    look.changed(photo);
  };
  return [
    element("p", { className: "bad problem" }, before + errorOf(answer)),
    element("button", { type: "button", className: "plain", onclick: again }, "Try again"),
  ];
}

function unexplained(model, which) {
  const name = `version ${chosenVersion(model, which).version}`;
  return element(
    "p",
    { className: "notice mild" },
    `No heat map: ${name} has no explanations. Export the Keras model again with this Lightship, without `,
    "--no-explain; or let ",
    element("code", {}, "lightship explain --method rise"),
    " find out by many predictions.",
  );
}

/** Buttons that save the picture and the raw map. */
function savesPart(pane, photo, explanation) {
  const name = `${photo.name.replace(/\.\w+$/, "")}-${explanation.label}`;
  const about = { model: pane.look.model.name, photo: photo.name, ...explanation };
  const save = (text, make) => element("button", { type: "button", className: "plain", onclick: make }, text);
  return element(
    "div",
    { className: "saves", role: "group", ariaLabel: "Save" },
    element("span", { className: "quiet", ariaHidden: "true" }, "Save"),
    save("Picture", () => pane.parts.canvas.toBlob((blob) => download(blob, `${name}.png`), "image/png")),
    save("Map (.npy)", () => download(npyBlob(explanation.map), `${name}.npy`)),
    save("Map (JSON)", () => download(new Blob([`${JSON.stringify(about)}\n`]), `${name}.json`)),
  );
}
