"use strict";
// The game: the player and the model look at the same photos. All that it keeps is in this browser.

const ROUNDS = [5, 10, 20]; // of a game
const USUAL_ROUNDS = 10;

/** The page of a model's game. */
function newGame(model) {
  const item = element("div", { className: "game" });
  const game = { model, parts: { item }, rounds: [], index: 0, human: 0, machine: 0, pages: 0 };
  game.changed = () => game.told?.render();
  game.update = (changed) => {
    game.model = changed;
    if (!game.started) showStart(game);
    game.started = true;
  };
  document.title = `Play against ${model.name} · Lightship`;
  addEventListener("keydown", (event) => chooseByKey(game, event));
  return game;
}

/** Asks for something below the game's address. Raises what is wrong, in words. */
async function askGame(game, path, body) {
  const options = body
    ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }
    : {};
  let answer;
  try {
    answer = await fetch(`${gamePath(game.model)}/${path}`, options);
  } catch {
    throw new Error("The server does not answer.");
  }
  if (!answer.ok) throw new Error(errorOf({ text: await answer.text(), status: `${answer.status}` }));
  return answer;
}

/** Shows other parts. The first of them that asks for the focus gets it. */
function showGame(game, ...parts) {
  game.parts.item.replaceChildren(...parts);
  game.parts.item.querySelector("[data-focus]")?.focus({ preventScroll: true });
}

function failed(game, error, again) {
  const button = element("button", { type: "button", onclick: again }, "Try again");
  button.dataset.focus = "";
  showGame(game, element("p", { className: "notice" }, error.message), button);
}

async function showStart(game) {
  const { name } = game.model;
  const back = element("p", { className: "quiet" }, element("a", { href: lookPath(game.model) }, `All about ${name}`));
  const title = element("h1", {}, "You against ", ...breakable(name));
  const without = "This server has no game: start it with --quiz FOLDER.";
  try {
    const offer = OFFERS_GAMES ? await (await askGame(game, "rounds?count=1")).json() : { photos: 0, reason: without };
    if (!offer.photos) return showGame(game, title, element("p", { className: "notice" }, offer.reason), back);
    showGame(game, element("div", { className: "start" }, tiles(), title, ...startParts(game, offer), back));
  } catch (error) {
    failed(game, error, () => showStart(game));
  }
}

/** What a game is, how many photos it has, and the button that begins it. */
function startParts(game, { photos }) {
  const { name } = game.model;
  const labels = chosenVersion(game.model, "")?.classes.length ?? 0;
  const possible = ROUNDS.filter((_, index) => !index || ROUNDS[index - 1] < photos);
  const options = possible.map((count) => [String(count), `${Math.min(count, photos)} photos`]);
  const usual = String(Math.min(possible.at(-1), USUAL_ROUNDS));
  const rounds = chooser("rounds", "A game has", options, usual, () => {});
  const go = () => begin(game, document.getElementById("rounds").value);
  const start = element("button", { type: "button", id: "start", onclick: go }, "Start");
  start.dataset.focus = "";
  const about = `Guess what is on each photo. You choose among a few labels; ${name} chooses among all its ${labels}. `;
  const then = "Then you see who is right, and where the model looked.";
  return [element("p", {}, about, then), element("div", { className: "fields" }, rounds, start), pastGames(game)];
}

async function begin(game, count) {
  try {
    const { rounds } = await (await askGame(game, `rounds?count=${count}`)).json();
    Object.assign(game, { rounds: rounds.map((round) => ({ ...round })), index: 0, human: 0, machine: 0 });
    await showRound(game);
  } catch (error) {
    failed(game, error, () => showStart(game));
  }
}

/** Fetches a round's photo, once. */
async function loadRound(game, round) {
  round.loading ??= (async () => {
    const blob = await (await askGame(game, `photos/${round.photo}`)).blob();
    const shown = newPhoto(new File([blob], "photo", { type: blob.type }));
    await decodePhoto(shown);
    round.shown = shown;
  })();
  try {
    await round.loading;
  } catch (error) {
    round.loading = null; // so that it can be tried again
    throw error;
  }
}

async function showRound(game) {
  const round = game.rounds[game.index];
  game.told = null;
  try {
    await loadRound(game, round);
  } catch (error) {
    return failed(game, error, () => showRound(game));
  }
  const canvas = element("canvas", { role: "img", ariaLabel: "The photo to guess" });
  const stage = element("div", { className: "stage" }, canvas);
  if (round.shown.picture) paint(canvas, round.shown.picture, null, null, 0);
  else stage.replaceChildren(element("p", { className: "quiet" }, round.shown.problem));
  const question = element("h1", { tabIndex: -1 }, "What is on this photo?");
  question.dataset.focus = "";
  const choices = round.choices.map((label, index) => choiceButton(game, round, label, index));
  const asked = element("div", { className: "asked" }, question, element("div", { className: "choices" }, ...choices));
  round.parts = { canvas, stage, question, asked, choices };
  showGame(game, scoreBoard(game), element("div", { className: "round" }, stage, asked));
}

function choiceButton(game, round, label, index) {
  const key = element("kbd", { ariaHidden: "true" }, String(index + 1));
  const guess = () => guessed(game, round, label);
  const button = element(
    "button",
    { type: "button", className: "choice", onclick: guess },
    key,
    element("span", {}, spaced(label)),
  );
  button.dataset.choice = label;
  return button;
}

/** The number keys choose a label. */
function chooseByKey(game, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const buttons = [...game.parts.item.querySelectorAll(".choice:not(:disabled)")];
  buttons[Number(event.key) - 1]?.click();
}

function scoreBoard(game) {
  const side = (name, score) =>
    element(
      "span",
      { className: "side" },
      element("span", { className: "who" }, name),
      element("b", {}, String(score)),
    );
  const sides = element(
    "p",
    { className: "tally" },
    side("You", game.human),
    element("span", { ariaHidden: "true" }, ":"),
    side(game.model.name, game.machine),
  );
  const dots = game.rounds.map((round, index) => {
    const state =
      round.right === undefined ? (index === game.index ? "now" : "later") : round.right ? "right" : "wrong";
    return element("span", { className: `mark ${state}` });
  });
  const progress = element("span", { className: "dots", ariaHidden: "true" }, ...dots);
  const text = element(
    "span",
    { className: "quiet" },
    `Photo ${Math.min(game.index + 1, game.rounds.length)} of ${game.rounds.length}`,
  );
  return element("div", { className: "board" }, sides, element("p", {}, text, progress));
}
