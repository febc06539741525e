"use strict";
// After a guess: the truth, the model's guess and its heat map, and at the end who has won.

const MOST_PAST_GAMES = 8;

async function guessed(game, round, label) {
  if (round.guess !== undefined) return;
  round.guess = label;
  for (const button of round.parts.choices) button.disabled = true;
  try {
    const answer = await (await askGame(game, "guesses", { photo: round.photo, label })).json();
    Object.assign(round, { truth: answer.label, right: answer.right });
  } catch (error) {
    round.guess = undefined;
    return failed(game, error, () => showRound(game));
  }
  if (round.right) game.human += 1;
  game.told = { render: () => tell(game, round) };
  tell(game, round);
  const next = game.rounds[game.index + 1];
  if (next) loadRound(game, next).catch(() => {}); // it is tried again when it is shown
}

/** Shows the truth, and the model's answers as they arrive. */
function tell(game, round) {
  const { parts } = round;
  const answers = modelAnswers(game, round);
  countModel(game, round, answers.best);
  showTruth(round);
  showHeat(round, answers);
  if (!parts.outcome) parts.asked.append((parts.outcome = element("div", { className: "told" })));
  parts.outcome.replaceChildren(...outcomeParts(game, round, answers));
  if (!parts.next && (answers.labels || !answers.version)) parts.asked.append((parts.next = nextButton(game)));
  game.parts.item.querySelector(".board")?.replaceWith(scoreBoard(game));
}

/** What the newest version says of the photo, as far as it has answered. */
function modelAnswers({ model, changed }, { shown }) {
  const version = chosenVersion(model, "");
  const labels = version && answerAbout(shown, version, labelsPath(model, "", version), changed);
  const best = labels && bestOf(labels);
  const asked = best && version.explain;
  const mapped = asked ? answerAbout(shown, version, mapPath(model, "", version, null, null), changed) : null;
  return { version, labels, best, mapped, explanation: explanationOf(mapped) };
}

function showTruth({ parts, truth, guess, right }) {
  for (const button of parts.choices) {
    button.classList.toggle("true", button.dataset.choice === truth);
    button.classList.toggle("false", button.dataset.choice === guess && !right);
  }
  parts.question.textContent = headline({ truth, right });
  parts.question.className = right ? "good" : "bad";
}

function showHeat({ shown, parts, hidden, truth }, { explanation }) {
  if (!shown.picture) return;
  const heat = explanation && !hidden ? heatOf(explanation, COLOURS_AT_FIRST) : null;
  paint(parts.canvas, shown.picture, heat, explanation?.region, OPACITY_AT_FIRST);
  parts.canvas.ariaLabel = spaced(truth) + (heat ? `, with the heat map of ${spaced(explanation.label)} over it` : "");
}

/** Counts the model's answer, once. */
function countModel(game, round, best) {
  if (!best || round.machineRight !== undefined) return;
  round.machine = best[0];
  round.machineRight = best[0][0] === round.truth;
  if (round.machineRight) game.machine += 1;
  const outcome = round.machineRight ? "is right" : "is wrong";
  say(`${headline(round)} ${game.model.name} says ${spaced(best[0][0])} and ${outcome}.`);
}

function headline(round) {
  return round.right ? `Right: ${spaced(round.truth)}.` : `No, this is ${spaced(round.truth)}.`;
}

function outcomeParts(game, round, { labels, best, mapped, explanation, version }) {
  const { name } = game.model;
  const told = (className, text) => element("p", { className }, text);
  if (!version) return [told("notice", `${name} does not answer now.`)];
  if (!labels) return [told("quiet busy", `${name} looks at it …`)];
  if (!best) return [told("notice", `${name} gives no answer: ${errorOf(labels)}`)];
  const verdict = ` ${name} says ${spaced(best[0][0])}, and is ${round.machineRight ? "right" : "wrong"}.`;
  const bars = ranking(best.slice(0, 3), (label) => element("span", { className: "label" }, spaced(label)));
  const parts = [element("p", { className: "machine" }, mark(round.machineRight), verdict), bars];
  if (explanation) parts.push(legend(explanation.map, COLOURS_AT_FIRST, explanation.label), heatSwitch(game, round));
  else if (!version.explain)
    parts.push(told("quiet", `There is no heat map: ${name} was exported without explanations.`));
  else if (!mapped) parts.push(told("quiet busy", AWAITED));
  else parts.push(told("notice", `No heat map: ${errorOf(mapped)}`));
  return parts;
}

function mark(right) {
  return element("span", { className: right ? "good" : "bad", ariaHidden: "true" }, right ? "✓" : "✗");
}

function heatSwitch(game, round) {
  const turn = () => {
    round.hidden = !round.hidden;
    tell(game, round);
    round.parts.outcome.querySelector(".switch")?.focus();
  };
  return element(
    "button",
    { type: "button", className: "plain switch", onclick: turn },
    round.hidden ? "Show the heat map" : "Hide the heat map",
  );
}

function nextButton(game) {
  const last = game.index === game.rounds.length - 1;
  const go = () => {
    game.index += 1;
    last ? showEnd(game) : showRound(game);
  };
  const button = element("button", { type: "button", id: "next", onclick: go }, last ? "See who wins" : "Next photo");
  queueMicrotask(() => button.focus({ preventScroll: true }));
  return button;
}

function showEnd(game) {
  game.told = null;
  const { human, machine, rounds, model } = game;
  const text = human === machine ? "A draw" : human > machine ? "You win" : `${model.name} wins`;
  const title = element("h1", { tabIndex: -1 }, `${text}, ${human} : ${machine}`);
  title.dataset.focus = "";
  keepGame(game, { human, machine, rounds: rounds.length });
  const again = element(
    "button",
    { type: "button", id: "again", onclick: () => begin(game, rounds.length) },
    "Play again",
  );
  const other = element(
    "button",
    { type: "button", className: "plain", onclick: () => showStart(game) },
    "Another game",
  );
  const list = element("ol", { className: "recap" }, ...rounds.map((round) => recap(game, round)));
  showGame(game, scoreBoard(game), title, element("p", { className: "buttons" }, again, other), list);
}

function recap(game, round) {
  const picture = round.shown.picture ? canvasOf(round.shown.picture, 320) : element("span");
  const row = (who, right, text) => element("p", {}, mark(right), element("span", {}, ` ${who}: ${spaced(text)}`));
  const machine = round.machine ? row(game.model.name, round.machineRight, round.machine[0]) : "";
  return element(
    "li",
    { className: "card" },
    picture,
    element("div", {}, element("h2", {}, spaced(round.truth)), row("You", round.right, round.guess), machine),
  );
}

/** The games that were played in this browser, the last first. A browser may not let a page keep anything. */
function keptGames(game) {
  try {
    const kept = JSON.parse(localStorage.getItem(`lightship-games ${game.model.name}`) ?? "[]");
    return Array.isArray(kept) ? kept.slice(0, MOST_PAST_GAMES) : [];
  } catch {
    return [];
  }
}

function keepGame(game, result) {
  try {
    const kept = [result, ...keptGames(game)].slice(0, MOST_PAST_GAMES);
    localStorage.setItem(`lightship-games ${game.model.name}`, JSON.stringify(kept));
  } catch {}
}

function pastGames(game) {
  const kept = keptGames(game);
  if (!kept.length) return "";
  const items = kept.map(({ human, machine, rounds }) =>
    element(
      "li",
      {},
      `You ${human} : ${machine} ${game.model.name}`,
      element("span", { className: "quiet" }, ` of ${rounds} photos`),
    ),
  );
  return element("div", { className: "past" }, element("h2", {}, "Your last games"), element("ol", {}, ...items));
}
