"""A model that is trained while an older version of it is served takes over without a lost call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.end_to_end.conftest import Serve
from tests.end_to_end.test_versions import wait_until
from tests.training.run.conftest import _deterministic
from tests.training.run.examples import options, write_base, write_photos

import lightship
from lightship.training.run.train import train
from lightship.training.run.trained_run import TrainedRun

__all__ = ["_deterministic"]

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("_deterministic")]


@contextmanager
def asking(url: str, photo: Path) -> Iterator[list[tuple[int, str]]]:
    """Clients that ask without pause; yields what they saw as (HTTP status, version)."""
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx2.Client(base_url=url, timeout=60) as http:
            while not stop.wait(0.01):  # the training needs the processors, too
                answer = http.post("/v1/models/colours:predict", content=photo.read_bytes(), headers=HEADERS)
                seen.append((answer.status_code, answer.headers.get("Lightship-Model-Version", "")))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


HEADERS = {"Content-Type": "image/jpeg"}


def check_served_labels(url: str, run: TrainedRun) -> None:
    """The labels of a server are those that the trained model itself gives, for all validation photos."""
    model = lightship.TransferModel().load(run.version)
    with lightship.Client(url) as client:
        for photo in run.photos.valid:
            served = client.classify_image("colours", photo.path)
            assert served.label == model.predict_from_jpeg_path(photo.path)
            assert served.version == int(run.version.name)


@pytest.mark.slow
def test_a_new_version_takes_over_while_the_old_one_answers(serve: Serve, tmp_path: Path) -> None:
    photos, base = write_photos(tmp_path / "photos"), write_base(tmp_path / "tiny.keras")
    models = tmp_path / "colours"
    first = train(options(photos, base, models, epochs=1, fine_tune_epochs=0))
    server = serve(str(models))
    check_served_labels(server.url, first)
    with asking(server.url, first.photos.valid[0].path) as seen:
        second = train(options(photos, base, models, family="tensorflow", fit="crop_or_pad"))
        trained = len(seen)
        wait_until(lambda: (200, "2") in seen)
        taken_over = len(seen)
        wait_until(lambda: len(seen) > taken_over + 50)
    assert {status for status, _ in seen} == {200}
    assert trained > 10
    assert {version for _, version in seen[: trained // 2]} == {"1"}
    assert {version for _, version in seen[-20:]} == {"2"}
    assert second.previous == first.version
    check_served_labels(server.url, second)
