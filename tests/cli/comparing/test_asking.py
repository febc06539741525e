"""Both models are asked about the same photos, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lightship.cli.comparing import asking
from lightship.cli.comparing.asking import ask_both
from lightship.client import Classification
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError


class Reader:
    """A model whose answer is the text of the photo, and which refuses a certain text."""

    def __init__(self, name: str, refused: str = "", classes: tuple[str, ...] | None = None) -> None:
        self.name, self.model, self.version, self.classes = name, "m", 1, classes
        self._refused, self.batches = refused, list[int]()

    def classify(self, photos: Sequence[bytes]) -> list[Classification | LightshipError]:
        self.batches.append(len(photos))
        return [self._answer(photo.decode()) for photo in photos]

    def _answer(self, text: str) -> Classification | LightshipError:
        if text == self._refused:
            return InvalidArgument("not for me")
        return Classification((text, "none"), (0.75, 0.25), "m", 1)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{index}.jpg" for index in range(70)]
    for index, path in enumerate(paths):
        path.write_text("even" if index % 2 == 0 else "odd")
    return paths


def ignore(_: object) -> None:
    """For what a test does not look at."""


def test_every_photo_is_asked_about_in_batches_and_progress_is_told(photos: list[Path]) -> None:
    a, b, done = Reader("A"), Reader("B"), list[int]()
    asked = ask_both(photos, a, b, ignore, done.append)
    assert (a.batches, b.batches, done) == ([32, 32, 6], [32, 32, 6], [32, 64, 70])
    answers = [asked.a.answer(index) for index in range(70)]
    assert [one.label for one in answers if one] == ["even", "odd"] * 35


def test_large_photos_make_small_batches(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BATCH_BYTES", 10)  # three of the texts
    a = Reader("A")
    ask_both(photos, a, Reader("B"), ignore, ignore)
    assert max(a.batches) == 3


def test_a_photo_that_cannot_be_read_is_listed_and_nobody_is_asked(photos: list[Path]) -> None:
    photos[1].unlink()
    asked = ask_both(photos, Reader("A"), Reader("B"), ignore, ignore)
    assert [one.path for one in asked.unreadable] == [photos[1]]
    assert "does not exist" in asked.unreadable[0].reason
    assert (len(asked.asked), asked.asked[:3]) == (69, (0, 2, 3))


def test_no_readable_photo_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"none of the 1 photos can be read: .*gone\.jpg does not exist"):
        ask_both([tmp_path / "gone.jpg"], Reader("A"), Reader("B"), ignore, ignore)


def test_a_refusal_is_kept_with_its_reason(photos: list[Path]) -> None:
    asked = ask_both(photos, Reader("A"), Reader("B", refused="odd"), ignore, ignore)
    assert asked.a.refusals == {}
    assert asked.b.refusals == {index: "not for me" for index in range(1, 70, 2)}


def test_a_model_that_refuses_everything_is_an_error(photos: list[Path]) -> None:
    with pytest.raises(FailedPrecondition, match="B refuses all 35 photos, the first with: not for me"):
        ask_both(photos[::2], Reader("A"), Reader("B", refused="even"), ignore, ignore)


@pytest.mark.parametrize(("classes", "batches"), [(("even", "odd", "none"), []), (None, [32])])
def test_wrong_labels_end_it_as_soon_as_the_classes_are_known(
    photos: list[Path], classes: tuple[str, ...] | None, batches: list[int]
) -> None:
    def check(known: set[str]) -> None:
        assert known == {"even", "odd", "none"}
        raise InvalidArgument("wrong labels")

    a, b = Reader("A", classes=classes), Reader("B", classes=classes)
    with pytest.raises(InvalidArgument, match="wrong labels"):
        ask_both(photos, a, b, check, ignore)
    assert a.batches == batches
