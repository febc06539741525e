"""An engine's answers held against TensorFlow's and against running servers, by command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchmarks.ports import free_port
from tests.changing_models import save_counting_model
from tests.cli.conftest import Run
from tests.example_models import example

from lightship.bundle.bundle import open_bundle
from lightship.cli.verification import Tolerance, Verdict, read_samples, serving_engine, verify_signatures
from lightship.cli.verification.sides import ServingSide
from lightship.saved_model.signatures import Signature
from lightship.server import Server, serve

pytestmark = pytest.mark.tensorflow

if TYPE_CHECKING:
    import tensorflow as tf


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`line`: y = 2 x and, as `twice`, the same of integers. `bent`: y = 2.1 x for the second row alone. `narrow` and
    `wide` take rows of 3 and of 7 numbers, and declare neither. `dice`: another y each time. `single` takes one row
    alone. `counter`: it counts."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("verify")
    floats, numbers = tf.TensorSpec([None, 2], tf.float32, "x"), tf.TensorSpec([None, None], tf.int64, "n")
    line = {"serving_default": (lambda x: {"y": 2 * x}, floats), "twice": (lambda n: {"m": 2 * n}, numbers)}
    bent = {
        "serving_default": (lambda x: {"y": x * tf.where(tf.cumsum(tf.ones_like(x)) == 2, 2.1, 2.0)}, floats),
        "twice": (lambda n: {"m": 2 * n + 1}, numbers),
    }
    free = tf.TensorSpec([None, None], tf.float32, "x")
    _save(folder / "line" / "1", line)
    _save(folder / "bent" / "1", bent)
    _save(folder / "narrow" / "1", {"serving_default": (lambda x: {"y": x @ tf.ones((3, 1))}, free)})
    _save(folder / "wide" / "1", {"serving_default": (lambda x: {"y": x @ tf.ones((7, 1))}, free)})
    _save(folder / "dice" / "1", {"serving_default": (lambda x: {"y": x + _dice(tf, x)}, floats)})
    _save(folder / "single" / "1", {"serving_default": (lambda x: {"y": 2 * tf.ensure_shape(x, [1, 2])}, floats)})
    save_counting_model(folder / "counter" / "1")
    return folder


def _dice(tf: Any, x: Any) -> Any:
    """Without a seed, whatever seed another test gave to TensorFlow."""
    return tf.raw_ops.RandomUniform(shape=tf.shape(x), dtype=tf.float32, seed=0, seed2=0)


def _save(folder: Path, functions: dict[str, tuple[Callable[..., Any], tf.TensorSpec]]) -> None:
    import tensorflow as tf

    module = tf.Module()
    signatures = {name: tf.function(function, input_signature=[spec]) for name, (function, spec) in functions.items()}
    tf.saved_model.save(module, str(folder), signatures=signatures)


@pytest.fixture(scope="module")
def server(models: Path, dog_bundle: Path) -> Iterator[Server]:
    names = [f"{name}={models / name}" for name in ("line", "bent", "narrow", "counter")]
    with serve(*names, dog_bundle, rest_port="auto", grpc_port="auto") as running:
        assert running.wait_ready(120)
        yield running


def verified(run: Run, *arguments: object, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code, and each signature's result by name."""
    done = run("verify", *arguments, "--json", env=env)
    assert done.stdout, done.stderr
    return done.returncode, {one["signature"]: one for one in json.loads(done.stdout)["signatures"]}


def test_a_model_is_compared_with_tensorflow_on_random_rows(lightship: Run, half_plus_two: Path) -> None:
    done = lightship("verify", half_plus_two, env={"COLUMNS": "30"})  # no cell wraps
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{half_plus_two / '123'}: model half_plus_two, version 123, against TensorFlow"
    rows = {line.split()[0]: line.split() for line in lines[2:5]}
    assert rows["serving_default"][:4] == ["serving_default", "openvino", "random", "4"]
    assert rows["serving_default"][-1] == "equal"
    assert rows["classify_x_to_y"] == ["classify_x_to_y", "openvino", "random", "-", "-", "-", "not", "compared"]
    assert "classify_x_to_y: there are no random strings: give inputs with --samples FILE.npz" in lines
    assert (
        lines[-1]
        == "Tolerance: 0.0001 + 0.001 of the expected number; whole numbers, strings, types and shapes must be equal"
    )


def test_an_exported_model_is_compared_on_its_golden_sample_and_photos(lightship: Run, dog_bundle: Path) -> None:
    code, found = verified(lightship, dog_bundle)
    assert code == 0
    assert {name: (one["engine"], one["samples"], one["verdict"]) for name, one in found.items()} == {
        "classify": ("lightship", "random", "equal"),
        "explain": ("lightship", "random", "equal"),
        "explain_cam": ("openvino", "golden sample", "equal"),
        "explain_class": ("lightship", "random", "equal"),
        "explain_grad_cam": ("openvino", "golden sample", "equal"),
        "explain_grad_cam_plus_plus": ("openvino", "golden sample", "equal"),
        "explain_hirescam": ("openvino", "golden sample", "equal"),
        "image_bytes": ("lightship", "random", "equal"),
        "serving_default": ("openvino", "golden sample", "equal"),
    }
    assert found["serving_default"]["rows"] == 2
    assert 0 < found["image_bytes"]["absolute"] < 1e-4


class Scaled(ServingSide):
    """Gives maps whose largest number is 100, and `apart` more at each place than there should be."""

    apart = 0.0

    def answer(self, signature: Signature, inputs: Any) -> Any:
        outputs = dict(super().answer(signature, inputs))
        return outputs | {"map": 100 * outputs["map"] / np.abs(outputs["map"]).max() + self.apart}


@pytest.mark.parametrize(("apart", "verdict"), [(0.005, Verdict.EQUAL), (0.3, Verdict.DIFFERENT)])
def test_small_numbers_of_a_map_with_large_ones_may_differ_more(
    dog_bundle: Path, apart: float, verdict: Verdict
) -> None:
    bundle = open_bundle(dog_bundle / "1", "dog", 1)
    with serving_engine(bundle) as side:
        wanted, serving = Scaled(side._servable), Scaled(side._servable)
        serving.apart = apart
        samples = read_samples(bundle, None)
        found = verify_signatures(bundle, serving, wanted, samples, Tolerance(), "explain_cam")
    assert found.results[0].verdict is verdict


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_photos_are_sent_to_a_server(lightship: Run, server: Server, dog_bundle: Path, dog_photo: Path, transport: str):
    url = server.rest_url if transport == "rest" else f"grpc://{server.grpc_address}"
    code, found = verified(lightship, dog_bundle, "--against", url, "--samples", dog_photo)
    assert code == 0
    assert {(one["verdict"], one["rows"], one["samples"]) for one in found.values()} == {("equal", 1, dog_photo.name)}
    assert len(found) == 9  # serving_default, two for photos, and six of explanations


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_difference_is_measured_and_ends_with_1(
    lightship: Run, server: Server, models: Path, transport: str, no_tensorflow: dict[str, str]
) -> None:
    url = f"{server.rest_url}/v1/models/bent" if transport == "rest" else f"grpc://{server.grpc_address}/bent"
    code, found = verified(lightship, models / "line", "--against", url, env=no_tensorflow)
    assert code == 1
    assert [one["verdict"] for one in found.values()] == ["different", "different"]
    assert found["serving_default"]["detail"].startswith('output "y" at [1,0] is ')
    assert 0.01 < found["serving_default"]["relative"] < 0.06
    assert found["twice"]["absolute"] == 1
    code, found = verified(
        lightship, models / "line", "--against", url, "--atol", "10", "--signature", "serving_default"
    )
    assert (code, list(found), found["serving_default"]["verdict"]) == (0, ["serving_default"], "equal")


def test_an_answer_where_the_other_refuses_is_a_difference(lightship: Run, server: Server, models: Path) -> None:
    url = f"{server.rest_url}/v1/models/narrow"
    code, found = verified(lightship, models / "wide", "--against", url)
    assert code == 1
    assert found["serving_default"]["detail"].startswith(f"{server.rest_url} refuses inputs that the engine accepts: ")
    code, found = verified(lightship, models / "narrow", "--against", url)
    assert (code, found["serving_default"]["verdict"]) == (0, "equal")


def test_a_model_that_answers_otherwise_each_time_is_not_compared(lightship: Run, models: Path) -> None:
    code, found = verified(lightship, models / "dice")
    assert (code, found["serving_default"]["verdict"]) == (2, "not compared")
    assert found["serving_default"]["detail"] == "TensorFlow gives other outputs for the same inputs each time"


def test_rows_that_both_refuse_are_not_compared(lightship: Run, models: Path, tmp_path: Path) -> None:
    """The first row alone is answered, and equal; that says nothing of the others."""
    np.save(tmp_path / "five.npy", np.ones((5, 2), np.float32))
    code, found = verified(lightship, models / "single", "--samples", "five.npy")
    one = found["serving_default"]
    assert (code, one["verdict"], one["rows"]) == (2, "not compared", 0)
    assert one["detail"].startswith("both refuse inputs: ")
    np.save(tmp_path / "none.npy", np.ones((0, 2), np.float32))
    code, found = verified(lightship, models / "line", "--samples", "none.npy", "--signature", "serving_default")
    assert (code, found["serving_default"]["detail"]) == (2, "none.npy has no rows: give at least one")


def test_a_servers_variables_are_not_changed(lightship: Run, server: Server, models: Path) -> None:
    from lightship import Client

    with Client(server.rest_url) as client:
        before = client.predict("counter", [0.0], signature="total")["y"]
        _, found = verified(lightship, models / "counter", "--against", server.rest_url)
        after = client.predict("counter", [0.0], signature="total")["y"]
    assert before.tolist() == after.tolist()
    refused = {name for name, one in found.items() if "changes the model's variables" in one["detail"]}
    assert refused == {"serving_default", "add", "maybe", "reset"}
    assert found["scale"]["verdict"] == "equal"


def test_samples_come_from_a_file(lightship: Run, half_plus_two: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "examples.npz", inputs=np.array([example(x=2.5), example(x=3.5)]))
    np.save(tmp_path / "x.npy", np.arange(100.0)[:, None])
    code, found = verified(lightship, half_plus_two, "--samples", "examples.npz")
    assert code == 0
    assert (found["regress_x_to_y"]["verdict"], found["regress_x_to_y"]["rows"]) == ("equal", 2)
    assert (
        found["serving_default"]["detail"] == "examples.npz contains inputs, but the inputs are x: give exactly these"
    )
    code, found = verified(lightship, half_plus_two, "--samples", "x.npy", "--signature", "serving_default")
    assert (code, found["serving_default"]["rows"], found["serving_default"]["samples"]) == (0, 100, "x.npy")


def test_a_sample_is_sent_whole_where_its_first_dimension_is_free(
    lightship: Run, server: Server, models: Path, tmp_path: Path
) -> None:
    """The second row alone is bent, so the difference shows only where the rows go together."""
    np.save(tmp_path / "many.npy", np.ones((100, 2), np.float32))
    url = f"{server.rest_url}/v1/models/bent"
    options = ["--samples", "many.npy", "--signature", "serving_default"]
    code, found = verified(lightship, models / "line", "--against", url, *options)
    one = found["serving_default"]
    assert (code, one["rows"]) == (1, 100)
    assert one["detail"].startswith('output "y" at [1,0] is 2 instead of 2.1')


def test_photos_of_a_folder_are_compared_with_tensorflow(
    lightship: Run, dog_bundle: Path, photos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "some").mkdir()
    for photo in photos[:3]:
        shutil.copy(photo, tmp_path / "some")
    code, found = verified(lightship, dog_bundle, "--samples", "some")
    assert code == 0, found
    assert {(one["verdict"], one["rows"]) for one in found.values()} == {("equal", min(3, len(photos)))}
    (tmp_path / "some" / "broken.jpg").write_text("x")
    done = lightship("verify", dog_bundle, "--samples", "some")
    assert (done.returncode, done.stdout) == (2, "")
    assert "broken.jpg: " in done.stderr


def test_the_version_of_the_folder_is_asked_for(lightship: Run, server: Server, models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "line" / "1", tmp_path / "line" / "2")
    done = lightship("verify", tmp_path / "line", "--against", server.rest_url)
    assert done.returncode == 2
    assert f"{server.rest_url} does not serve version 2 of line" in done.stderr
    url = f"{server.rest_url}/v1/models/line/versions/1"
    assert verified(lightship, tmp_path / "line", "--against", url)[0] == 0


def test_without_tensorflow_it_says_what_to_do(lightship: Run, models: Path, no_tensorflow: dict[str, str]) -> None:
    done = lightship("verify", models / "line", env=no_tensorflow)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "pip install 'lightship[tensorflow]'" in done.stderr
    assert "--against http://host:8501" in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--samples", "no.npz"], "no.npz does not exist"),
        (["--samples", "nowhere"], "nowhere does not exist"),
        (["--samples", "text.txt"], "text.txt is not a sample"),
        (["--samples", "broken.npz"], "broken.npz cannot be read"),
        (["--samples", "photo.png"], "has no image spec to turn them into inputs"),
        (["--signature", "nothing"], "has no signature 'nothing'; it has serving_default, twice"),
        (["--rtol", "nan"], "--rtol"),
        (["--rtol", "-1"], "--rtol"),
        (["--against", "ftp://h"], "ftp:// is not supported"),
    ],
)
def test_what_cannot_be_done_ends_with_2(
    lightship: Run, server: Server, models: Path, tmp_path: Path, options: list[str], reason: str
) -> None:
    for name in ("text.txt", "broken.npz", "photo.png"):
        (tmp_path / name).write_text("x")
    where = [] if "--against" in options else ["--against", server.rest_url]
    done = lightship("verify", models / "line", *where, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_not_there_ends_with_2(lightship: Run, models: Path) -> None:
    done = lightship("verify", models / "line", "--against", f"http://127.0.0.1:{free_port()}", "--timeout", "5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
