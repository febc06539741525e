"""The golden sample: kept in a file that cannot run anything, and compared by the scale of each output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from lightship.bundle.golden import Golden
from lightship.errors import DataLoss

X = np.arange(6, dtype=np.float32).reshape(2, 3)
GOLDEN = Golden({"x": X}, {"y": np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)})


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    words = np.array([b"cat", b"b\xc3\xa4r"], object)
    Golden({"in/x:0": X, "n": np.array(3)}, {"y": X, "words": words}).save(tmp_path / "golden.npz")
    loaded = Golden.load(tmp_path / "golden.npz", 0.5, 0.25)
    assert (loaded.rtol, loaded.atol) == (0.5, 0.25)
    np.testing.assert_array_equal(loaded.inputs["in/x:0"], X)
    assert loaded.inputs["n"].shape == ()
    assert loaded.outputs["words"].tolist() == [b"cat", b"b\xc3\xa4r"]


def test_explanations_are_loaded_with_the_classes_that_they_explain(tmp_path: Path) -> None:
    maps = {"map": X.reshape(2, 3, 1), "class_index": np.array([1, 0], np.int32)}
    replace(GOLDEN, explained={"explain_cam": maps}).save(tmp_path / "golden.npz")
    loaded = Golden.load(tmp_path / "golden.npz", 0.5, 0.25)
    assert (loaded.inputs.keys(), loaded.outputs.keys()) == ({"x"}, {"y"})
    explanation = loaded.explanation("explain_cam")
    assert explanation is not None
    assert (explanation.rtol, explanation.atol) == (0.5, 0.25)
    assert explanation.inputs.keys() == {"x", "class_index"}
    assert explanation.inputs["class_index"].tolist() == [1, 0]
    assert explanation.compare(maps) is None
    assert loaded.explanation("explain_grad_cam") is None


def test_explanations_without_classes_are_data_loss(tmp_path: Path) -> None:
    replace(GOLDEN, explained={"explain_cam": {"map": X}}).save(tmp_path / "golden.npz")
    with pytest.raises(DataLoss, match=r"explained/explain_cam/class_index is missing; export the model again"):
        Golden.load(tmp_path / "golden.npz")


def test_bfloat16_is_kept_whole(tmp_path: Path) -> None:
    halves = (X / 3).astype(ml_dtypes.bfloat16)
    Golden({"x": halves}, {}).save(tmp_path / "golden.npz")
    np.testing.assert_array_equal(Golden.load(tmp_path / "golden.npz").inputs["x"].astype(ml_dtypes.bfloat16), halves)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"cos\nsystem\n(S'touch /tmp/owned'\ntR."])
def test_a_broken_file_is_data_loss(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "golden.npz").write_bytes(content)
    with pytest.raises(DataLoss, match=r"golden\.npz"):
        Golden.load(tmp_path / "golden.npz")


def test_a_pickle_in_it_is_not_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "golden.npz", **{"inputs/x": np.array([Path("x")], object)})
    with pytest.raises(DataLoss, match="allow_pickle"):
        Golden.load(tmp_path / "golden.npz")


def test_the_same_within_the_tolerance_is_the_same() -> None:
    assert GOLDEN.compare({"y": GOLDEN.outputs["y"] * (1 + 5e-4) + 5e-5, "more": X}) is None


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"z": X}, "'y' is missing; the outputs are z"),
        ({"y": X}, "shape [2, 3]"),
        ({"y": np.array([[0.9, 0.1], [0.8, 0.2]])}, "[1, 0]: 0.8"),
        ({"y": np.array([[0.9, np.nan], [0.2, 0.8]])}, "[0, 1]: nan"),
        ({"y": np.array([[0.9, np.inf], [0.2, 0.8]])}, "[0, 1]: inf"),
    ],
)
def test_what_differs_is_reported_with_its_place(outputs: dict[str, np.ndarray], text: str) -> None:
    assert text in (GOLDEN.compare(outputs) or "")


def test_small_outputs_are_held_as_tightly_as_large_ones() -> None:
    for scale in (1e-2, 1.0, 1e4):
        golden = Golden({}, {"y": GOLDEN.outputs["y"].astype(np.float64) * scale})
        assert golden.compare({"y": golden.outputs["y"] + 3e-3 * scale}) is not None
        assert golden.compare({"y": golden.outputs["y"] + 5e-5 * scale}) is None


def test_nan_infinity_zero_integers_and_words_are_compared_too() -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    golden = Golden({}, {"odd": odd, "n": np.array([3]), "word": np.array([b"cat"], object)})
    assert golden.compare({"odd": odd, "n": np.array([3]), "word": np.array([b"cat"], object)}) is None
    assert "'n'" in (golden.compare({"odd": odd, "n": np.array([4]), "word": np.array([b"cat"], object)}) or "")
    assert "'word'" in (golden.compare({"odd": odd, "n": np.array([3]), "word": np.array([b"dog"], object)}) or "")
