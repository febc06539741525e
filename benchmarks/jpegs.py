"""JPEG to label: what a photo costs the server, beside another commit, and where the time goes.

Three photos: the demo's (512x512, progressive), one of 640x480 and one of 12 megapixels, both baseline. Both servers
run at once, one idle while the other is asked over REST, in pairs whose order alternates. A ratio below 1 means that
the working tree takes less processor time. The stages are processor time of one thread, each by itself, in the working
tree.
Usage: python -m benchmarks.jpegs COMMIT [--rounds 5] [--stages]
"""

from __future__ import annotations

import argparse
import http.client
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks import commits
from benchmarks.models import ROOT
from demo.assets import fetch
from demo.demo import exported
from PIL import Image

from lightship.bundle.bundle import open_bundle
from lightship.engines import load_engine
from lightship.images.decode import convert_as_pillow
from lightship.images.native_resize import resize_jpeg
from lightship.images.opening import open_image
from lightship.images.prepare import prepare
from lightship.images.resize import resize_as_pillow

MODEL = "dog"


@dataclass(frozen=True, slots=True)
class Photo:
    title: str
    data: bytes
    requests: int  # of a round


def photos(demo: Path) -> list[Photo]:
    image = Image.open(demo).convert("RGB")
    return [
        Photo("512x512, progressive", demo.read_bytes(), 100),
        Photo("640x480, baseline", _camera(image, (640, 480), quality=90, subsampling="4:2:0", noise=2), 100),
        Photo("4000x3000, baseline", _camera(image, (4000, 3000), quality=92, subsampling="4:2:2", noise=3), 10),
    ]


def _camera(image: Image.Image, size: tuple[int, int], noise: float, **options: object) -> bytes:
    """A JPEG with the noise of a camera's sensor, always the same."""
    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32)
    noisy = pixels + np.random.default_rng(0).normal(0, noise, pixels.shape)
    data = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(data, "JPEG", **options)
    return data.getvalue()


@contextmanager
def running(side: commits.Installed, folder: Path) -> Iterator[commits.Server]:
    command = side.command("serve", str(folder), "--rest-port", "auto", "--grpc-port", "auto", "--json")
    with commits.started(command, side.environment) as server:
        yield server


def ask(server: commits.Server, photo: Photo) -> float:
    """Returns the seconds of the server's processor time for a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
    start = server.processor_seconds()
    for _ in range(photo.requests):
        connection.request("POST", f"/v1/models/{MODEL}:predict", photo.data, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        if answer.read() and answer.status != 200:
            raise RuntimeError(f"{photo.title}: {answer.status}")
    connection.close()
    return (server.processor_seconds() - start) / photo.requests


def compare(servers: Sequence[commits.Server], photo: Photo, rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in commits.NAMES}
    for server in servers:
        ask(server, photo)  # warm
    for turn in range(rounds):
        for place in (0, 1) if turn % 2 == 0 else (1, 0):
            times[commits.NAMES[place]].append(ask(servers[place], photo))
    commits.report(photo.title, times, 1e3, "ms")


def stages(version: Path, photo: Photo) -> dict[str, Callable[[], object]]:
    bundle = open_bundle(version, MODEL, 1)
    spec = bundle.image
    assert spec is not None
    engine = load_engine(version, bundle.saved_model)
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    batch = prepare(photo.data, spec)[np.newaxis]
    header = open_image(photo.data)
    decoded = convert_as_pillow(open_image(photo.data), spec.color)
    small = np.asarray(resize_as_pillow(decoded, spec))
    return {
        "header and limits": lambda: open_image(photo.data),
        "decoding and resizing in one": lambda: resize_jpeg(photo.data, header, spec),
        "Pillow: header and decoding": lambda: convert_as_pillow(open_image(photo.data), spec.color),
        "Pillow: resizing": lambda: resize_as_pillow(decoded, spec),
        "pixels to the model's floats": lambda: spec.preprocessing.apply(small),
        "all of these, to the tensor": lambda: prepare(photo.data, spec),
        "model, all its threads": lambda: engine.run("serving_default", {name: batch}),
    }


def milliseconds(work: Callable[[], object], runs: int, clock: Callable[[], float]) -> float:
    work()
    taken = []
    for _ in range(runs):
        start = clock()
        work()
        taken.append(clock() - start)
    return statistics.median(taken) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", action="store_true", help="only the stages, in the working tree")
    options = parser.parse_args()
    assets = fetch()
    version = exported(assets)
    for photo in photos(assets.photo):
        for stage, work in stages(version, photo).items():
            clock = time.process_time if stage.startswith("model") else time.thread_time
            print(f"{photo.title:24} {stage:32} {milliseconds(work, photo.requests, clock):8.3f} ms", flush=True)
    if options.stages:
        return
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        sources = (commits.checked_out(options.commit, Path(scratch, "source")), ROOT)
        sides = [
            commits.install(source, Path(scratch, name)) for name, source in zip(commits.NAMES, sources, strict=True)
        ]
        servers = [stack.enter_context(running(side, version.parent)) for side in sides]
        for photo in photos(assets.photo):
            compare(servers, photo, options.rounds)


if __name__ == "__main__":
    main()
