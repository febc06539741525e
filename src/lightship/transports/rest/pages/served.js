"use strict";
// What the server serves now, which is looked at again and again, and whether it answers.

const LOOK_AGAIN = 5_000; // milliseconds between looks at what is served
const root = document.documentElement.dataset.root ?? ""; // the way to the server's address; it holds behind proxies

/** Calls `changed` with the list of the models, now and whenever it has changed. */
function watchServer(changed) {
  let known = "";
  let models = [];
  const look = async () => {
    try {
      const answer = await fetch(`${root}openapi.json`);
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      if (text !== known) {
        known = text;
        models = JSON.parse(text)["x-lightship-models"];
        changed(models);
      }
      sayServer(models.some((model) => model.reason !== null) ? "some models do not answer" : "ready");
    } catch {
      sayServer("the server does not answer");
    }
  };
  setInterval(() => document.hidden || look(), LOOK_AGAIN);
  return look();
}

function sayServer(text) {
  const place = document.getElementById("server");
  if (place.textContent !== text) place.textContent = text;
  place.className = text === "ready" ? "pill good" : "pill bad";
}
