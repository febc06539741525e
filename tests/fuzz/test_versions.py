"""A short turn of version folders; and that a version that answers wrongly, or does not come, is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import pytest
from fuzz.versions import turn as turns
from fuzz.versions.folders import MAKERS, Maker
from fuzz.versions.server import models, served
from fuzz.versions.turn import Model, may_answer, same


@pytest.fixture(scope="module")
def chosen() -> tuple[Model, ...]:
    return models()


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_short_turn_finds_nothing(chosen: tuple[Model, ...], tmp_path: Path) -> None:
    with served(tmp_path, chosen) as turn:
        for number in range(8):
            turn.run_case(f"1/{number}")
        assert turn.finds == []


@pytest.mark.slow
@pytest.mark.tensorflow
def test_another_model_in_its_place_is_found(
    chosen: tuple[Model, ...], tmp_path: Path, half_plus_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchanged(good: Path, folder: Path, random: Random) -> bool:
        shutil.copytree(half_plus_two / "123", folder)
        return False

    def never(good: Path, folder: Path, random: Random) -> bool:
        folder.mkdir()
        return True

    monkeypatch.setattr(turns, "_PATIENCE", 10.0)
    monkeypatch.setattr(turns, "_SETTLES", 60.0)  # the exchanged version must be loaded in this time
    with served(tmp_path, chosen[:1]) as turn:
        for maker, found in ((exchanged, "answered with"), (never, "a whole version is")):
            monkeypatch.setattr(turns, "MAKERS", (maker,))
            turn.run_case("1/1")
            assert any(found in find for find in turn.finds)


@pytest.mark.parametrize("maker", sorted(set(MAKERS), key=lambda maker: maker.__name__))
def test_a_version_is_whole_only_if_it_is_the_good_one(maker: Maker, half_plus_two: Path, tmp_path: Path) -> None:
    good, folder = half_plus_two / "123", tmp_path / "2"
    if maker(good, folder, Random(1)):
        assert contents(folder) == contents(good)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_answers_are_the_same_but_for_their_last_digits() -> None:
    right = json.dumps({"predictions": [{"labels": ["a"], "scores": [0.12345678]}]}).encode()
    assert same(right.replace(b"5678", b"5679"), right)
    assert not same(right.replace(b"0.1234", b"0.1235"), right)
    assert not same(right.replace(b'"a"', b'"b"'), right)


@pytest.mark.parametrize("there", ["lightship.json", "golden.npz"])
def test_what_may_be_a_plain_saved_model_may_say_so(tmp_path: Path, there: str) -> None:
    answer = "400 b'Servable dog/2 has no image spec, so it cannot classify encoded images: ...'"
    assert may_answer(tmp_path, answer)
    assert not may_answer(tmp_path, "500 b'other'")
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / there).write_bytes(b"")
    assert not may_answer(tmp_path, answer)
