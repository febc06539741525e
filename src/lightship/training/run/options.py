"""The options of a training, as `lightship train` takes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from shlex import quote
from typing import Any

from lightship.datasets.photo_set import DEFAULT_MIN_PHOTOS, DEFAULT_VALID_SHARE
from lightship.errors import InvalidArgument
from lightship.suffixes import KERAS_SUFFIXES

# None: only the new head trains. "all", or regular expressions on the names of the layers that train too.
Unfreeze = str | tuple[str, ...] | None

# What does not decide the result, or is compared in another way.
_NOT_COMPARED = frozenset({"photos", "output", "version", "restart"})
# What the command that reproduces a training never gives as an option, and what it always gives.
_NOT_GIVEN = frozenset({"photos", "output", "version", "restart"})
_ALWAYS_GIVEN = frozenset({"base", "seed"})


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What is trained, on what, and how. The defaults are those of `lightship train`.

    Raises InvalidArgument for values that are not possible, in the words of the command line.
    """

    # Where the photos are: a folder with one for each class, or a CSV file.
    photos: Path
    # The model's own folder, into which the version is written.
    output: Path
    # The name of a base, or the path of a .keras file.
    base: str = "mobilenetv2"
    # The names of the photos, such as {make}_{model}_*.jpg, if they say the class.
    pattern: str | None = None
    # The share of the photos on which the model is validated, unless the photos are split already.
    valid_share: float = DEFAULT_VALID_SHARE
    # Classes with fewer photos are left out, or kept if `keep_rare`.
    min_photos: int = DEFAULT_MIN_PHOTOS
    keep_rare: bool = False
    # How a photo becomes the model's input: height and width in pixels, what happens to another aspect ratio, the
    # library and the method that resize, and what is done to the pixels. None for what suits the base.
    size: tuple[int, int] | None = None
    fit: str | None = None
    family: str | None = None
    resize: str | None = None
    preprocess: str | None = None
    # "imagenet", the path of a file, or None for random weights.
    weights: str | None = "imagenet"
    # The layers that are trained in the second phase.
    unfreeze: Unfreeze = "all"
    epochs: int = 10
    fine_tune_epochs: int = 10
    learning_rate: float = 1e-3
    fine_tune_rate: float = 1e-4
    batch_size: int = 32
    # A phase ends after this many epochs without a lower loss on the validation photos.
    patience: int = 5
    # Whether training photos are changed at random, and whether each class has the same weight.
    augment: bool = True
    class_weights: bool = True
    seed: int = 0
    # The version to write; None for the next free one.
    version: int | None = None
    # Forget an unfinished training instead of resuming it.
    restart: bool = False

    def __post_init__(self) -> None:
        for name in ("min_photos", "epochs", "batch_size", "patience"):
            _check_whole(name, getattr(self, name), 1)
        _check_whole("fine_tune_epochs", self.fine_tune_epochs, 0)
        _check_whole("seed", self.seed, 0)
        if self.seed >= 2**32:
            raise InvalidArgument(f"--seed is {self.seed}; give a whole number below {2**32}")
        for name in ("learning_rate", "fine_tune_rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InvalidArgument(f"{_option(name)} is {value:g}; give a number above 0, such as 0.001")
        if not 0 < self.valid_share < 1:
            raise InvalidArgument(
                f"--valid-share is {self.valid_share:g}; give a share of the photos, above 0 and below 1, such as 0.2"
            )

    @property
    def random_weights(self) -> bool:
        """Whether the base has random weights. A base of a file has its own."""
        return self.weights is None and not has_own_weights(self.base)

    def settings(self) -> dict[str, Any]:
        """Returns the options that decide the result of a training, by their names on the command line."""
        return {_option(one.name): getattr(self, one.name) for one in fields(self) if one.name not in _NOT_COMPARED}

    def command(self) -> str:
        """Returns the command line that trains with these options."""
        words = ["lightship", "train", str(self.photos), "--output", str(self.output), *self._given()]
        return " ".join(map(quote, words))

    def _given(self) -> Iterator[str]:
        """Yields the options that say the base and the seed, and those that are not the defaults."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in _NOT_GIVEN and (value != one.default or one.name in _ALWAYS_GIVEN):
                yield from _words(one.name, value)


def has_own_weights(base: str) -> bool:
    """Returns whether a base is a file or a folder, which has its own weights, and not a name."""
    return base.lower().endswith(KERAS_SUFFIXES) or Path(base).is_dir()


def _words(name: str, value: Any) -> Iterator[str]:
    """Yields the words of the command line that give an option a value."""
    option = _option(name)
    if isinstance(value, bool):
        yield option if value else f"--no-{name.replace('_', '-')}"
    elif name == "size":
        yield from (option, "x".join(map(str, value)))
    elif isinstance(value, tuple):
        yield from (word for pattern in value for word in (option, pattern))
    else:
        yield from (option, "none" if value is None else str(value))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidArgument(f"{_option(name)} is {value!r}; give a whole number, {least} or more")
