"use strict";
// The controls of the heat map, and what is said of a photo that lies on its side.

/** The controls of the heat map, made anew only where the choices have changed, so that the focus stays. */
function renderControls(look, version) {
  const { parts, current } = look;
  const methods = version.explain?.methods ?? [];
  const key = JSON.stringify([methods, version.classes, version.version]);
  if (parts.controlled !== key) {
    parts.controlled = key;
    parts.controls.replaceChildren(...(version.explain ? heatControls(look, version) : []));
  }
  const label = document.getElementById("label");
  if (label) label.value = current?.label === null || !current ? "predicted" : `=${current.label}`;
}

function heatControls(look, version) {
  const again = (change) => {
    Object.assign(look, change);
    renderLook(look);
  };
  const labels = [...version.classes].sort((one, other) => one.localeCompare(other));
  const choices = [["predicted", "the best label"], ...labels.map((label) => [`=${label}`, spaced(label)])];
  const choose = (value) => look.current && look.choose(look.current, value === "predicted" ? null : value.slice(1));
  const methods = version.explain.methods.map((method) => [method, method]);
  const colours = [...Object.keys(COLOURS), SPOTLIGHT].map((name) => [name, name]);
  const slider = element("input", { type: "range", id: "opacity", min: 0, max: 100, value: look.opacity * 100 });
  slider.addEventListener("input", () => again({ opacity: slider.value / 100 }));
  const parts = [chooser("label", "Heat map for", choices, "predicted", choose)];
  if (methods.length > 1)
    parts.push(chooser("method", "Method", methods, methodOf(look, version), (method) => again({ method })));
  parts.push(chooser("colours", "Colours", colours, look.colours, (name) => again({ colours: name })));
  return [...parts, labelled("Heat map's opacity", slider)];
}

/** Says that a photo lies on its side, as the model gets it, and offers to turn it. */
function renderTurned(look) {
  const { parts, current } = look;
  parts.turned.hidden = !current?.turned;
  if (parts.turned.hidden) return;
  const turn = async () => {
    try {
      replacePhoto(look, current, newPhoto(await uprightFile(current)));
    } catch (error) {
      note(`The photo could not be turned: ${error.message}`);
    }
  };
  parts.turned.replaceChildren(
    element(
      "span",
      {},
      "The camera was turned. The model gets the photo as it is here, and ignores the mark that says so. ",
    ),
    element("button", { type: "button", className: "plain", onclick: turn }, "Turn it upright"),
  );
}
