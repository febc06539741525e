"""The game: which photos a model has, what there is to choose from, and who is told the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.quiz_models import PNG, with_labels

from lightship.errors import InvalidArgument, NotFound
from lightship.lifecycle import Manager
from lightship.services.quiz import CHOICES, MAX_ROUNDS, Quiz

DOGS = [f"dog {letter}" for letter in "abcdefgh"]


@pytest.fixture(scope="module")
def manager(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    folder = tmp_path_factory.mktemp("models")
    manager = Manager()
    for name, labels, image in (("dogs", DOGS, True), ("cats", ["tom", "tim"], True), ("tensors", DOGS, False)):
        manager.aspire(name, {123: with_labels(half_plus_two, folder / name, labels, image=image) / "123"})
    assert manager.wait_ready(60)
    yield manager
    manager.close(30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("dog a/1.png", "dog a/2.png", "dog b/1.png", "dog_c-7.png", "tom.png", "else.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    return tmp_path


@pytest.fixture
def quiz(folder: Path, manager: Manager) -> Quiz:
    return Quiz(folder, manager)


def test_a_model_has_the_photos_that_are_named_after_its_labels(quiz: Quiz) -> None:
    assert sorted(quiz.game("dogs").photos.values()) == ["dog a", "dog a", "dog b", "dog c"]
    assert list(quiz.game("cats").photos.values()) == ["tom"]


def test_the_true_label_is_among_the_choices_which_stay_the_same(quiz: Quiz, folder: Path, manager: Manager) -> None:
    game, other = quiz.game("dogs"), Quiz(folder, manager).game("dogs")
    rounds = {one.photo: one.choices for one in game.rounds(MAX_ROUNDS)}
    assert rounds.keys() == game.photos.keys()
    assert {one.photo: one.choices for one in other.rounds(MAX_ROUNDS)} == rounds
    for photo, choices in rounds.items():
        assert game.photos[photo] in choices
        assert len(set(choices)) == len(choices) == CHOICES


def test_few_labels_give_few_choices(quiz: Quiz) -> None:
    (only,) = quiz.game("cats").rounds(10)
    assert sorted(only.choices) == ["tim", "tom"]


def test_games_differ(quiz: Quiz) -> None:
    game = quiz.game("dogs")
    assert len({tuple(one.photo for one in game.rounds(2)) for _ in range(100)}) > 1


@pytest.mark.parametrize("count", [0, -1, MAX_ROUNDS + 1])
def test_a_count_out_of_range_is_refused(quiz: Quiz, count: int) -> None:
    with pytest.raises(InvalidArgument, match=f"ask for 1 to {MAX_ROUNDS}"):
        quiz.game("dogs").rounds(count)


def test_a_guess_is_answered_with_the_true_label(quiz: Quiz) -> None:
    for photo, label in quiz.game("dogs").photos.items():
        assert quiz.answer("dogs", photo, "dog h") == label


def test_the_truth_is_told_for_a_label_only(quiz: Quiz) -> None:
    photo = next(iter(quiz.game("dogs").photos))
    with pytest.raises(InvalidArgument, match="'' is not a label of dogs"):
        quiz.answer("dogs", photo, "")


def test_a_photo_of_another_model_is_not_there(quiz: Quiz) -> None:
    (cat,) = quiz.game("cats").photos
    with pytest.raises(NotFound, match="begin a new game"):
        quiz.answer("dogs", cat, "dog a")


def test_a_photo_that_another_process_has_found_is_known(
    quiz: Quiz, folder: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.services.quiz._AGE_AFTER_MISS", 0.0)
    before = quiz.game("dogs").photos
    (folder / "dog h.png").write_bytes(PNG)
    (new,) = Quiz(folder, manager).game("dogs").photos.keys() - before.keys()
    assert new not in quiz.game("dogs").photos
    assert quiz.answer("dogs", new, "dog a") == "dog h"


def test_a_model_without_a_game_says_why(manager: Manager, quiz: Quiz, tmp_path: Path) -> None:
    assert "takes no photos" in quiz.game("tensors").reason
    (tmp_path / "empty").mkdir()
    assert "has no photos" in Quiz(tmp_path / "empty", manager).game("dogs").reason
    (tmp_path / "empty" / "x.png").write_bytes(PNG)
    assert "None of the 1 photos has a label of dogs" in Quiz(tmp_path / "empty", manager).game("dogs").reason
    assert quiz.game("dogs").reason == ""


def test_a_model_that_is_not_served_is_not_found(quiz: Quiz) -> None:
    with pytest.raises(NotFound):
        quiz.game("foo")
