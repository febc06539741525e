"use strict";
// The list of the models, each with what can be done with it.

function modelsPage(models) {
  const items = models.map(modelCard);
  const empty = element("p", { className: "notice" }, "This server has no models.");
  const head = element(
    "div",
    { className: "title" },
    element(
      "div",
      {},
      element("h1", {}, "See what a model sees"),
      element("p", { className: "quiet" }, "Choose a model, then drop photos on its page."),
    ),
  );
  return [head, items.length ? element("ul", { className: "cards" }, ...items) : empty];
}

function modelCard(model) {
  const version = chosenVersion(model, "");
  const good = model.reason === null;
  const dot = element("span", { className: good ? "dot good" : "dot bad", ariaHidden: "true" });
  const name = element("h2", {}, dot, element("span", {}, ...breakable(model.name)));
  const parts = [
    name,
    modelFacts(version) || element("p", { className: "quiet problem" }, model.reason ?? "no version"),
  ];
  const links = element("p", { className: "buttons" });
  if (version?.images) {
    links.append(element("a", { className: "button", href: lookPath(model) }, "Look at photos"));
    if (games.get(model.name)?.photos)
      links.append(element("a", { className: "button plain", href: gamePath(model) }, "Play against it"));
  } else if (version) {
    parts.push(element("p", { className: "quiet" }, "It takes tensors, no photos."));
    links.append(
      element("a", { className: "button plain", href: `${root}docs#${encodeURIComponent(model.name)}` }, "Try it"),
    );
  }
  return element("li", { className: "card" }, ...parts, links);
}

function lookPath(model) {
  return `${root}ui/${inQuery(model.name)}`;
}

function gamePath(model) {
  return `${lookPath(model)}/quiz`;
}
