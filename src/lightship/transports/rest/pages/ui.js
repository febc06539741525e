"use strict";
// Which page this is, by its address: the list of the models, one model, or its game.

const OFFERS_GAMES = document.documentElement.dataset.quiz !== undefined;
const games = new Map(); // what the server says of the games, by the names of models
const view = { name: null, game: false, shown: null, models: [] };

function readAddress() {
  const below = root.split("/").length - 1; // parts of the address behind /ui
  if (!below) return;
  const [name, game] = location.pathname.split("/").slice(-below);
  try {
    view.name = decodeURIComponent(name) || null;
  } catch {
    view.name = name; // an address that somebody typed
  }
  view.game = game === "quiz";
}

/** Asks, once for each model that takes photos, whether it has a game. */
async function findGames() {
  if (!OFFERS_GAMES) return;
  const asked = view.models.filter((model) => chosenVersion(model, "")?.images && !games.has(model.name));
  for (const model of asked) games.set(model.name, null);
  for (const model of asked) {
    try {
      const answer = await fetch(`${gamePath(model)}/rounds?count=1`);
      if (answer.ok) games.set(model.name, await answer.json());
    } catch {} // the page is there without its game
  }
  if (asked.length) showView();
}

function showView() {
  const main = document.getElementById("main");
  if (view.name === null) return main.replaceChildren(...modelsPage(view.models));
  const model = view.models.find((one) => one.name === view.name);
  if (!model) return main.replaceChildren(...missingModel());
  if (view.shown === null) {
    view.shown = view.game ? newGame(model) : newLook(model);
    main.replaceChildren(view.shown.parts.item);
  } else if (!view.shown.parts.item.isConnected) main.replaceChildren(view.shown.parts.item);
  view.shown.game = Boolean(games.get(model.name)?.photos);
  view.shown.update(model);
}

function missingModel() {
  const text = `There is no model called ${view.name} on this server.`;
  const list = element("a", { href: `${root}ui` }, "See the models");
  return [element("h1", {}, "No such model"), element("p", { className: "notice" }, text), element("p", {}, list)];
}

readAddress();
takeFiles(
  (files) => (view.shown?.take ? view.shown.take(files) : note("Choose a model first.")),
  () => (view.shown?.take ? `Drop to ask ${view.name}` : "Choose a model first"),
);
watchServer((models) => {
  view.models = models;
  showView();
  findGames();
});
