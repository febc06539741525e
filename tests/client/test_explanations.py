"""The result of an explanation: how it looks, and what it writes."""

from __future__ import annotations

import base64
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.test_notebook import EVIL, Parsed

from lightship.client import Explanation
from lightship.client.photos import encoded
from lightship.errors import InvalidArgument, NotFound, PermissionDenied

PHOTO = encoded(np.full((90, 120, 3), 120, np.uint8))


def explanation(**changes: Any) -> Explanation:
    numbers = np.zeros((3, 4), np.float32)
    numbers[0, 3] = 1
    given: dict[str, Any] = {
        "label": "boxer",
        "class_index": 3,
        "score": 0.9971,
        "logit": 9.5,
        "map": numbers,
        "method": "cam",
        "layer": "out_relu",
        "model": "dog",
        "version": 3,
        "region": (0.0, 0.0, 1.0, 1.0),
        "photo": PHOTO,
    }
    return Explanation(**(given | changes))


def test_it_shows_what_was_explained_in_a_line() -> None:
    assert repr(explanation()) == "Explanation('boxer' 0.997 by cam at out_relu, map 3 x 4; model 'dog', version 3)"
    bare = explanation(label="", method="", layer=None, version=None)
    assert repr(bare) == "Explanation(class 3 0.997 by the default method, map 3 x 4; model 'dog')"


def test_a_notebook_shows_the_heat_map_and_loads_nothing() -> None:
    html = explanation(label=EVIL, model=EVIL, layer=EVIL)._repr_html_()
    parsed = Parsed(html)
    assert set(parsed.tags) == {"div", "table", "tbody", "tr", "td", "img"}
    (source,) = (value for name, value in parsed.attributes if name == "src")
    assert source is not None
    kind, _, data = source.partition(";base64,")
    assert kind == "data:image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (120, 90)
    assert not {"\n", "\x1b", "\u202e"} & set(repr(explanation(label=EVIL)))


def test_a_notebook_without_a_photo_shows_the_map_alone_and_one_that_is_broken_says_so() -> None:
    assert "<img" in explanation(photo=None)._repr_html_()
    assert "cannot be decoded" in explanation(photo=PHOTO[:60])._repr_html_()


def test_the_peak_is_a_place_in_the_photo() -> None:
    assert explanation().peak == pytest.approx((0.875, 1 / 6))
    assert explanation(region=(0.25, 0, 0.75, 1)).peak == pytest.approx((0.25 + 0.5 * 0.875, 1 / 6))
    assert explanation(region=None).peak == pytest.approx((0.875, 1 / 6))
    assert explanation(map=np.float32([[np.nan, 1]])).peak == pytest.approx((0.75, 0.5))


def test_the_overlay_has_the_photos_size_and_differs_most_at_the_peak() -> None:
    drawn = explanation().overlay(alpha=0.6)
    assert (drawn.size, drawn.mode) == ((120, 90), "RGB")
    pixels = np.asarray(drawn, np.int32)
    assert np.abs(pixels[15, 105] - pixels[70, 30]).max() > 30


def test_mean_scores_of_rise_are_drawn_from_the_least_one_on() -> None:
    """So they look the same as differences from it."""
    scores = np.float32([[0.9, 0.91], [0.9, 0.9]])
    drawn = explanation(map=scores, method="rise").overlay()
    assert drawn.tobytes() == explanation(map=scores - scores.min()).overlay().tobytes()


def test_another_photo_can_be_drawn_on() -> None:
    assert explanation().overlay(np.zeros((40, 50, 3), np.uint8)).size == (50, 40)


def test_an_alpha_of_zero_is_the_photo() -> None:
    assert np.asarray(explanation().overlay(alpha=0.0)).tolist() == np.full((90, 120, 3), 120).tolist()


@pytest.mark.parametrize("wrong", [{"colormap": "vridis"}, {"alpha": 1.5}])
def test_colours_that_do_not_exist_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        explanation().overlay(**wrong)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_a_picture_is_written(tmp_path: Path, suffix: str) -> None:
    explanation().save(tmp_path / f"heat{suffix}", colormap="gray", alpha=0.7)
    with Image.open(tmp_path / f"heat{suffix}") as picture:
        assert picture.size == (120, 90)


def test_the_map_alone_is_written_as_numbers(tmp_path: Path) -> None:
    shown = explanation()
    shown.save(str(tmp_path / "map.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "map.npy"), shown.map, strict=True)


@pytest.mark.parametrize(
    ("name", "meant"), [("heat.pgn", "did you mean .png?"), ("heat", "has no file ending"), ("a.gif", ".npy")]
)
def test_a_name_of_another_kind_is_refused(tmp_path: Path, name: str, meant: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(meant)):
        explanation().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="make the folder first"):
        explanation().save(tmp_path / "no" / "heat.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InvalidArgument, match="is a folder"):
        explanation().save(tmp_path / "folder.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others_is_explained(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionDenied, match="the right to write"):
        explanation().save(tmp_path / "heat.png")
