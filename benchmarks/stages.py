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
from lightship.engines import load_engine
from lightship.images.prepare import prepare
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.endpoints.predict_request import PredictRequest
from lightship.transports.rest.endpoints.predict_response import predictions
from lightship.transports.rest.reading import extension

RUNS = 100


def median(work: Callable[[], object]) -> float:
    """Milliseconds; what takes microseconds is timed many times at once."""
    work()
    together = max(1, int(1e-3 / max(seconds(work, 3), 1e-7)))
    return statistics.median(seconds(work, together) for _ in range(RUNS)) * 1000


def seconds(work: Callable[[], object], together: int) -> float:
    start = time.perf_counter()
    for _ in range(together):
        work()
    return (time.perf_counter() - start) / together


def float_list(side: int) -> bytes:
    """One image as Python's own json writes it: 17 digits a number."""
    pixels = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    return json.dumps({"instances": pixels.astype(np.float64).tolist()}).encode()


def read(body: bytes) -> object:
    spec = TensorSpec("x", DataType.DT_FLOAT, None, "x:0")
    return PredictRequest.parse(body).tensors({"x": spec})


def read_without_c(body: bytes) -> object:
    """As where the package was built without a C compiler."""
    native, extension.native = extension.native, None
    try:
        return read(body)
    finally:
        extension.native = native


def scores(rows: int, classes: int, dtype: type[np.floating]) -> dict[str, np.ndarray]:
    return {"scores": np.random.default_rng(0).random((rows, classes)).astype(dtype)}


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
    few, thousand, many = scores(1, 4, np.float32), scores(1, 1000, np.float32), scores(100, 1000, np.float32)
    doubles = scores(100, 1000, np.float64)
    stages: dict[str, Callable[[], object]] = {
        "four floats to array": lambda: read(b'{"instances": [[1.0, 2.0, 3.0, 4.0]]}'),
        f"float list of {len(small) / 1e6:.1f} MB to array": lambda: read(small),
        f"float list of {len(large) / 1e6:.1f} MB to array": lambda: read(large),
        f"float list of {len(small) / 1e6:.1f} MB to array, no C": lambda: read_without_c(small),
        f"float list of {len(large) / 1e6:.1f} MB to array, no C": lambda: read_without_c(large),
        "JPEG (512x512, progressive) to array": lambda: prepare(photo, image),
        "MobileNetV2 160x160, one image": lambda: engine.run("serving_default", {name: batch}),
        "4 scores to text": lambda: predictions(few),
        "1000 scores to text": lambda: predictions(thousand),
        "100,000 scores to text": lambda: predictions(many),
        "100,000 scores of float64 to text": lambda: predictions(doubles),
    }
    for stage, work in stages.items():
        print(f"{stage:40} {median(work):9.4f} ms")


if __name__ == "__main__":
    main()
