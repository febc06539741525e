"""What the stages of one request cost, each alone: medians in milliseconds. Usage: python -m benchmarks.stages"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from demo.assets import fetch
from demo.demo import exported

from lightship.bundle.bundle import open_bundle
from lightship.bundle.dtypes import DataType
from lightship.bundle.prepare import prepare
from lightship.engines import load_engine
from lightship.transports.rest.json_document import parse
from lightship.transports.rest.predict_response import predictions
from lightship.transports.rest.tensor_values import tensor_of

RUNS = 100


def median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    work()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def float_list(side: int) -> bytes:
    """One image as Python's own json writes it: 17 digits a number."""
    pixels = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    return json.dumps({"instances": pixels.astype(np.float64).tolist()}).encode()


def read(body: bytes) -> object:
    document = parse(body)
    assert isinstance(document, dict)
    return tensor_of(document["instances"], DataType.DT_FLOAT)


def main() -> None:
    assets = fetch()
    version = exported(assets)
    bundle = open_bundle(version, "dog", 1)
    assert bundle.image is not None
    image, photo = bundle.image, assets.photo.read_bytes()
    engine = load_engine(version, bundle.saved_model)
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    batch = prepare(photo, image)[np.newaxis]
    small, large = float_list(160), float_list(224)
    scores = {"scores": np.random.default_rng(0).random((1, 1000), np.float32)}
    stages: dict[str, Callable[[], object]] = {
        f"float list of {len(small) / 1e6:.1f} MB to array": lambda: read(small),
        f"float list of {len(large) / 1e6:.1f} MB to array": lambda: read(large),
        "JPEG (512x512, progressive) to array": lambda: prepare(photo, image),
        "MobileNetV2 160x160, one image": lambda: engine.run("serving_default", {name: batch}),
        "1000 scores to text": lambda: predictions(scores),
    }
    for stage, work in stages.items():
        print(f"{stage:40} {median(work):7.2f} ms")


if __name__ == "__main__":
    main()
