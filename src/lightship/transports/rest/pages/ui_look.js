"use strict";
// The page of one model: photos, the panes that show what it says of the chosen one, and the controls of the heat map.

/** The page of a model. `update(model)` takes what has changed on the server. */
function newLook(model) {
  const look = {
    model,
    which: "", // the version that is asked, as in `chosenVersion`
    other: null, // a second one beside it
    method: null, // null: the version's default
    colours: COLOURS_AT_FIRST,
    opacity: OPACITY_AT_FIRST,
    photos: [],
    current: null,
  };
  look.changed = (photo) => (photo === look.current ? renderLook(look) : renderStrip(look));
  look.choose = (photo, label) => {
    photo.label = label;
    renderLook(look);
  };
  look.take = (files) => takePhotos(look, files);
  look.parts = lookParts(look);
  look.update = (changed) => {
    look.model = changed;
    const answers = (which) => which === null || chosenVersion(changed, which)?.images;
    if (!answers(look.which)) look.which = "";
    if (!answers(look.other)) look.other = null;
    renderLook(look);
  };
  return look;
}

function lookParts(look) {
  const [first, second] = [newPane(look, () => look.which), newPane(look, () => look.other ?? "")];
  const head = element("div", { className: "title" });
  const taking = takingPart(look);
  const strip = element("ol", { className: "strip", ariaLabel: "Photos" });
  strip.addEventListener("keydown", (event) => moveInStrip(look, event));
  const panes = element("div", { className: "panes" }, first.item, second.item);
  const controls = element("div", { className: "fields controls" });
  const turned = element("div", { className: "notice mild", hidden: true });
  const stage = element("div", { className: "sheet", hidden: true }, controls, turned, panes);
  const request = newRequestPart(look);
  const item = element("div", { className: "look" }, head, taking, strip, stage, request.item);
  return { item, head, taking, strip, panes: [first, second], controls, turned, stage, request, controlled: "" };
}

function renderLook(look) {
  const { parts, model, current } = look;
  const version = chosenVersion(model, look.which);
  document.title = `${model.name} · Lightship`;
  renderHead(look, version);
  parts.taking.hidden = !version?.images;
  parts.taking.classList.toggle("large", !look.photos.length);
  parts.stage.hidden = !current || !version?.images;
  parts.request.item.hidden = !version?.images;
  if (!version?.images) return;
  renderStrip(look);
  renderControls(look, version);
  renderTurned(look);
  parts.panes[1].item.hidden = look.other === null;
  parts.stage.classList.toggle("compared", look.other !== null);
  parts.panes[0].render();
  if (look.other !== null) parts.panes[1].render();
  parts.request.render();
}

function renderHead(look, version) {
  const { model, parts } = look;
  const key = JSON.stringify([
    model.reason,
    model.labels,
    model.versions.map((one) => [one.version, one.state, one.images]),
    look.which,
    look.other,
    look.game,
  ]);
  if (parts.headed === key) return;
  parts.headed = key;
  const children = [element("div", {}, element("h1", {}, ...breakable(model.name)), modelFacts(version))];
  const whiches = whichVersions(model).filter(([which]) => chosenVersion(model, which)?.images);
  const again = (change) => {
    Object.assign(look, change);
    renderLook(look);
  };
  if (whiches.length > 2) {
    const first = chooser("which", "Version", whiches, look.which, (which) => again({ which }));
    const beside = [["none", "nothing"], ...whiches];
    const second = chooser("other", "Compare with", beside, look.other ?? "none", (other) =>
      again({ other: other === "none" ? null : other }),
    );
    children.push(element("div", { className: "fields" }, first, second));
  }
  if (look.game) children.push(element("a", { className: "button", href: gamePath(model) }, "Play against it"));
  const focused = parts.head.contains(document.activeElement) ? document.activeElement.id : "";
  parts.head.replaceChildren(...children);
  if (!version?.images) parts.head.append(element("p", { className: "notice" }, refusalOf(model)));
  if (focused) document.getElementById(focused)?.focus();
}

function modelFacts(version) {
  if (!version) return "";
  const facts = [`version ${version.version}`];
  if (version.classes.length) facts.push(`${version.classes.length} labels`);
  if (version.image) facts.push(`${version.image.width} × ${version.image.height} pixels`);
  return element("p", { className: "quiet" }, facts.join(" · "));
}
