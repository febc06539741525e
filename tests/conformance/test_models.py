"""The usual models run on OpenVINO, and give TensorFlow's answers there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conformance.models import SMALL, application, report

from lightship.engines import EngineOptions, load_engine
from lightship.errors import InvalidArgument
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SMALL)
def test_small_models_run_on_openvino(name: str, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    found = report(SMALL[name](keras), tmp_path / "1")
    assert (found.engine, found.reason) == ("openvino", "every operation is proven")
    model = read_saved_model(tmp_path / "1")
    signature = model.signatures[DEFAULT_SIGNATURE]
    rng = np.random.default_rng(0)
    for rows in (1, 3):
        ((key, spec),) = signature.inputs.items()
        shape = tuple(size if size != -1 else (rows, 7)[axis > 0] for axis, size in enumerate(spec.shape or ()))
        inputs = {key: rng.integers(0, 100, shape).astype(spec.dtype.numpy)}
        engines = [
            load_engine(tmp_path / "1", model, EngineOptions(engine=engine)) for engine in ("auto", "tensorflow")
        ]
        (ours, theirs) = (next(iter(engine.run(DEFAULT_SIGNATURE, inputs).values())) for engine in engines)
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
        for engine in engines:
            engine.close()


@pytest.mark.tensorflow
@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize(("index", "reported"), [(100, 100), (-101, -1)])
def test_an_embedding_refuses_unknown_tokens(dtype: str, index: int, reported: int, tmp_path: Path) -> None:
    import keras

    name = "embedding of integers" if dtype == "int32" else "embedding of floats"
    report(SMALL[name](keras), tmp_path / "1")
    model = read_saved_model(tmp_path / "1")
    key = next(iter(model.signatures[DEFAULT_SIGNATURE].inputs))
    engine = load_engine(tmp_path / "1", model)
    tokens = np.zeros((2, 12), dtype)
    tokens[1, 3] = index
    with pytest.raises(InvalidArgument, match=rf"^indices\[1,3\] = {reported} is not in \[0, 100\)"):
        engine.run(DEFAULT_SIGNATURE, {key: tokens})
    tokens[1, 3] = -100  # counts from the end, as in Keras
    assert next(iter(engine.run(DEFAULT_SIGNATURE, {key: tokens}).values())).shape == (2, 2)
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0", "ResNet50V2"])
def test_models_of_keras_applications_run_on_openvino(name: str, tmp_path: Path) -> None:
    assert report(application(name), tmp_path / "1").engine == "openvino"
