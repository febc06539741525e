"""Results in an interpreter and in a notebook."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tests.test_notebook import EVIL, Parsed

from lightship.client import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    SignatureEngine,
    SignatureInfo,
    TensorInfo,
    VersionStatus,
)

IMAGE = TensorInfo("DT_FLOAT", (-1, 160, 160, 3), "x:0")
SIGNATURE = SignatureInfo("tensorflow/serving/predict", {"image": IMAGE}, {"y": TensorInfo("DT_STRING", None, "y:0")})
VERSIONS = (
    VersionStatus(2, "END", "DATA_LOSS", "the weights were changed"),
    VersionStatus(1, "AVAILABLE", "OK", "", (SignatureEngine("serving_default", "openvino", "proven", "table only"),)),
)


def test_a_classification_shows_its_best_labels() -> None:
    shown = Classification(("bull_mastiff", "boxer"), (0.9971, 0.0012), "dog", 3)
    assert repr(shown) == "Classification('bull_mastiff' 0.997, 'boxer' 0.001; model 'dog', version 3)"
    many = Classification(tuple("abcdefgh"), tuple([0.1] * 8), "dog", None)
    assert repr(many).endswith("'e' 0.100, 3 more; model 'dog')")
    assert repr(Classification((), (), "dog", 1)) == "Classification(no labels; model 'dog', version 1)"


def test_a_classification_is_a_table_with_bars() -> None:
    html = Classification(tuple(map(str, range(50))), (0.5, *[float("nan")] * 49), "dog", 3)._repr_html_()
    assert html.count("width:5.00em") == 1
    assert "30 more" in html


def test_a_prediction_shows_small_outputs_and_describes_large_ones() -> None:
    shown = Prediction({"y": np.float32([2.5, 3]), "all": np.zeros((1, 1000), np.int64)}, "half", 123)
    assert repr(shown) == (
        "Prediction('y': float32 [2] = [2.5, 3. ], 'all': int64 [1, 1000]; model 'half', version 123)"
    )
    assert "[[0, 0, 0, ..., 0, 0, 0]]" in shown._repr_html_()


def test_long_values_are_cut() -> None:
    assert len(repr(Prediction({"y": np.array(["x" * 100_000], object)}, "m", 1))) < 400


def test_a_status_shows_why_a_version_does_not_answer() -> None:
    assert repr(VERSIONS[0]) == "VersionStatus(2 END, DATA_LOSS: the weights were changed)"
    assert repr(VERSIONS[1]) == "VersionStatus(1 AVAILABLE)"
    model = ModelStatus("dog", VERSIONS, notice="its files were changed")
    assert repr(model) == "ModelStatus('dog': version 2 END, version 1 AVAILABLE; its files were changed)"
    text = Parsed(model._repr_html_()).text
    assert "dog: ready" in text
    assert "openvino" in text
    assert "the weights were changed" in text
    assert "END" in VERSIONS[0]._repr_html_()


def test_metadata_show_the_signatures_that_clients_run() -> None:
    shown = ModelMetadata("dog", 1, {"__saved_model_init_op": SIGNATURE, "serving_default": SIGNATURE})
    text = "(image: DT_FLOAT [?, 160, 160, 3]) -> (y: DT_STRING [...])"
    assert repr(SIGNATURE) == f"SignatureInfo({text})"
    assert repr(shown) == f"ModelMetadata(model 'dog', version 1: serving_default{text})"
    assert Parsed(shown._repr_html_()).text.count("serving_default") == 2
    assert "init" not in shown._repr_html_()
    assert "[?, 160, 160, 3]" in SIGNATURE._repr_html_()


@pytest.mark.parametrize(
    "shown",
    [
        Classification((EVIL,), (0.5,), EVIL, 1),
        Prediction({EVIL: np.array([EVIL], object)}, EVIL, 1),
        ModelStatus(EVIL, (VersionStatus(1, EVIL, EVIL, EVIL, note=EVIL),), EVIL, EVIL),
        VersionStatus(1, EVIL, EVIL, EVIL),
        ModelMetadata(EVIL, 1, {EVIL: SignatureInfo(EVIL, {EVIL: TensorInfo(EVIL, None, EVIL)}, {})}),
        SignatureInfo(EVIL, {EVIL: TensorInfo(EVIL, None, EVIL)}, {}),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_names_and_texts_of_others_are_escaped(shown: object) -> None:
    assert not {"\n", "\x1b", "\u202e"} & set(repr(shown))
    parsed = Parsed(shown._repr_html_())  # type: ignore[attr-defined]
    assert set(parsed.tags) <= {"div", "table", "thead", "tbody", "tr", "th", "td", "span"}
    assert {name for name, _ in parsed.attributes} <= {"style"}


def test_showing_a_result_needs_no_library_of_http() -> None:
    """Clients over gRPC are used without them."""
    code = (
        "import sys; from lightship.client import Classification; repr(Classification(('a',), (1.0,), 'm', 1)); "
        "print({'orjson', 'httpx2'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
