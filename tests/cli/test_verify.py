"""Whether a version answers as TensorFlow does, by command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import Run

from lightship.errors import InvalidArgument
from lightship.server import Server, ServerOptions, parse_model_argument


def _save(folder: Path, function: Callable[[Any], Any], dtype: str = "float32") -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.function = tf.function(lambda x: {"y": function(x)}, input_signature=[tf.TensorSpec([None, 4], dtype, "x")])
    tf.saved_model.save(module, str(folder / "1"), signatures={"serving_default": module.function})
    return folder


def test_the_real_model_gives_tensorflows_answers(lightship: Run, dog_bundle: Path) -> None:
    done = lightship("verify", dog_bundle, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = {one["signature"]: one for one in json.loads(done.stdout)["signatures"]}
    assert (found["serving_default"]["verdict"], found["serving_default"]["source"]) == ("equal", "golden sample")
    assert found["serving_default"]["engine"] == "openvino"
    assert found["image_bytes"]["verdict"] == "not compared"


def test_a_server_with_another_model_is_different(lightship: Run, tmp_path: Path) -> None:
    doubled, tripled = _save(tmp_path / "doubled", lambda x: 2.0 * x), _save(tmp_path / "tripled", lambda x: 3.0 * x)
    options = ServerOptions([parse_model_argument(str(tripled))], rest_port="auto", grpc_port="auto")
    with Server(options) as server:
        assert server.wait_ready(60)
        for url in (f"{server.rest_url}/v1/models/tripled", f"grpc://127.0.0.1:{server.grpc_port}/tripled"):
            done = lightship("verify", doubled, "--against", url)
            assert done.returncode == 1
            assert "different" in done.stdout
            assert lightship("verify", tripled, "--against", url).returncode == 0


def test_samples_of_ones_own(lightship: Run, tmp_path: Path) -> None:
    model = _save(tmp_path / "m", lambda x: x + 1.0)
    np.save(tmp_path / "x.npy", np.ones((5, 4)))
    done = lightship("verify", model, "--samples", tmp_path / "x.npy", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["signatures"][0]["rows"] == 5
    np.savez(tmp_path / "other.npz", z=np.ones((5, 4)))
    done = lightship("verify", model, "--samples", tmp_path / "other.npz")
    assert done.returncode == 2
    assert "samples have z" in " ".join(done.stdout.split())


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY nonsense", b"PK\x03\x04"])
def test_samples_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes) -> None:
    from lightship.engines.verification import read_samples

    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InvalidArgument, match="cannot be read as numpy's"):
        read_samples(tmp_path / "x.npy")


def test_an_unknown_signature_and_a_url_without_a_model_are_refused(lightship: Run, half_plus_two: Path) -> None:
    done = lightship("verify", half_plus_two, "--signature", "nothing")
    assert done.returncode == 1
    assert 'the model has no signature "nothing"' in done.stderr
    done = lightship("verify", half_plus_two, "--against", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "names no model" in done.stderr
