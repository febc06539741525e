"""A game: a person and a model look at the same photo, and each says what is on it.

The server keeps no state of a game. It hands out photos with a few labels to choose from, and tells the true label to
whoever sends a guess.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import InvalidArgument, NotFound
from lightship.lifecycle.served_models import ServedModels
from lightship.memory_budget import Reservation
from lightship.services.quiz_labels import LabelNames
from lightship.services.quiz_photos import FRESH_SECONDS, FoundPhotos, QuizPhotos

CHOICES = 4  # labels to choose from
MAX_ROUNDS = 50
_AGE_AFTER_MISS = 0.5  # seconds for which what was found counts when a photo is not among it


@dataclass(frozen=True, slots=True)
class Round:
    """A photo to guess, and the labels to choose from, one of which is true."""

    photo: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Game:
    """The photos that a model can be asked about."""

    # The ids of the photos, with their labels.
    photos: dict[str, str]
    # All labels of the model.
    labels: tuple[str, ...]
    # Why there are no photos; empty if there are some.
    reason: str = ""

    def rounds(self, count: int) -> list[Round]:
        """Returns so many photos at random, or all if there are fewer. Raises InvalidArgument for a count out of range.

        A photo has the same choices each time, so that asking again does not tell which of them is true.
        """
        if not 1 <= count <= MAX_ROUNDS:
            raise InvalidArgument(f"{count} rounds are asked for: ask for 1 to {MAX_ROUNDS}")
        chosen = random.sample(sorted(self.photos), min(count, len(self.photos)))
        shown = sorted(set(self.photos.values()))
        offered = shown if len(shown) >= CHOICES else self.labels
        return [Round(photo, self._choices(photo, offered)) for photo in chosen]

    def _choices(self, photo: str, offered: Sequence[str]) -> tuple[str, ...]:
        true, chance = self.photos[photo], random.Random(photo)
        others = [label for label in offered if label != true]
        choices = [true, *chance.sample(others, min(CHOICES - 1, len(others)))]
        chance.shuffle(choices)
        return tuple(choices)


@dataclass(frozen=True, slots=True)
class _Known:
    """A game, and what it was made from."""

    found: FoundPhotos
    labels: tuple[str, ...]
    game: Game


class Quiz:
    """The games of all models with the photos below one folder. Any thread may call its methods."""

    def __init__(self, folder: Path, models: ServedModels) -> None:
        self._photos, self._models = QuizPhotos(folder), models
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def game(self, model: str) -> Game:
        """Returns the game of a model: the photos whose folder or file is named after one of its labels.

        Raises NotFound if the model is not served.
        """
        with self._models.handle(model) as handle:
            bundle = handle.servable.bundle
            labels = tuple(bundle.labels or ()) if bundle.image is not None else ()
        found = self._photos.found()
        with self._lock:
            known = self._known.get(model)
        if known is None or known.found is not found or known.labels != labels:
            known = _Known(found, labels, _game(model, found, labels))
            with self._lock:
                self._known[model] = known
        return known.game

    def answer(self, model: str, photo: str, guess: str) -> str:
        """Returns the true label of a photo to whoever has guessed one of the model's labels.

        Raises NotFound if the model or the photo is not there, and InvalidArgument if the guess is not a label.
        """
        game, label = self._game_with(model, photo)
        if guess not in game.labels:
            raise InvalidArgument(f"{guess[:100]!r} is not a label of {model}: guess one of the choices")
        return label

    def read(self, model: str, photo: str, limit: int, memory: Reservation) -> tuple[bytes, str]:
        """Returns a photo's bytes and its format. Raises NotFound, and the errors of `QuizPhotos.read`."""
        self._game_with(model, photo)
        return self._photos.read(photo, limit, memory)

    def _game_with(self, model: str, photo: str) -> tuple[Game, str]:
        """Returns the game of a model and the label of a photo. If the photo is new, another process has found it."""
        for max_age in (FRESH_SECONDS, _AGE_AFTER_MISS):
            self._photos.found(max_age)
            game = self.game(model)
            label = game.photos.get(photo)
            if label is not None:
                return game, label
        raise NotFound(f"there is no photo {photo[:64]!r} in this quiz any more: begin a new game")


def _game(model: str, found: FoundPhotos, labels: tuple[str, ...]) -> Game:
    if len(labels) < 2:
        return Game({}, labels, f"{model} takes no photos, or has fewer than two labels, so there is nothing to guess.")
    names = LabelNames(labels)
    photos = {photo.id: label for photo in found.photos if (label := names.first(photo.names))}
    return Game(photos, labels, "" if photos else _reason(model, found, labels))


def _reason(model: str, found: FoundPhotos, labels: tuple[str, ...]) -> str:
    if not found.photos:
        return "The folder of the quiz has no photos: put some below it, in folders named after their labels."
    return (
        f"None of the {len(found.photos)} photos has a label of {model}: name their folders or files after labels, "
        f"such as {labels[0]}."
    )
