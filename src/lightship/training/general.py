"""A general classifier, which was not trained on a user's own classes: by default EfficientNet-Lite0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lightship.client.parallel import in_order
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound, PermissionDenied, TooLarge
from lightship.extras import require
from lightship.files import read_bytes
from lightship.images.prepare import prepare
from lightship.local import LocalModel, load
from lightship.processors import available_cpus
from lightship.training.class_words import ClassWords
from lightship.training.weights.download import lite0_weights
from lightship.training.weights.efficientnet_lite0 import IMAGE, efficientnet_lite0
from lightship.training.weights.imagenet import IMAGENET

BATCH_SIZE = 32
MAX_PHOTO_BYTES = 256 << 20

# What is wrong with a single photo; any other error is raised.
_ABOUT_A_PHOTO = (InvalidArgument, NotFound, PermissionDenied, TooLarge)

Row = NDArray[np.float32]


class _Network(Protocol):
    """Computes the probabilities of photos: some of it for one photo, in threads, and the rest for many at once."""

    # In words for messages, such as "EfficientNet-Lite0".
    name: str

    def prepare(self, data: bytes) -> Row:
        """Returns what `run` takes for an encoded photo. Raises InvalidArgument or TooLarge for what is not a photo."""

    def run(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the probabilities of several prepared photos, [n, classes]."""

    def close(self) -> None: ...


class GeneralClassifier:
    """Computes how probable each of its classes is in photos. `general_classifier` and `model_classifier` make one.

    Used as a context manager, it is closed at the end.
    """

    def __init__(self, network: _Network, words: ClassWords) -> None:
        self._network = network
        # Finds classes by their names and other words.
        self.words = words

    @property
    def name(self) -> str:
        return self._network.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of the probabilities."""
        return self.words.names

    def probabilities(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """Returns the probabilities of the classes in each photo, float32 [n, classes].

        Raises the error of the first photo that cannot be read, which begins with its path: NotFound,
        PermissionDenied, InvalidArgument or TooLarge.
        """
        rows = []
        for answer in self.answers(paths):
            if isinstance(answer, LightshipError):
                raise answer
            rows.append(answer)
        return np.stack(rows) if rows else np.empty((0, len(self.classes)), np.float32)

    def answers(self, paths: Iterable[Path]) -> Iterator[Row | LightshipError]:
        """Yields the probabilities of each photo in the order of the paths, or why the photo cannot be used.

        The photos are read by a thread per processor and run in batches, so that few are in memory at a time.
        """
        read = in_order(self._read, paths, available_cpus(), always_finish=True)
        while batch := list(islice(read, BATCH_SIZE)):
            prepared = [one for one in batch if not isinstance(one, LightshipError)]
            rows = iter(self._network.run(np.stack(prepared)) if prepared else ())
            for one in batch:
                yield one if isinstance(one, LightshipError) else next(rows)

    def _read(self, path: Path) -> Row | LightshipError:
        try:
            data = read_bytes(path, MAX_PHOTO_BYTES + 1)
            if len(data) > MAX_PHOTO_BYTES:
                return TooLarge(f"{path} has more than {MAX_PHOTO_BYTES} bytes")
            return self._network.prepare(data)
        except _ABOUT_A_PHOTO as error:
            return error if str(path) in error.message else type(error)(f"{path}: {error.message}")

    def close(self) -> None:
        self._network.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def general_classifier(weights: Path | None = None) -> GeneralClassifier:
    """Returns EfficientNet-Lite0 with the 1,000 classes of ImageNet.

    weights: a checkpoint of it; by default that of `lite0_weights`, which is downloaded once.

    Raises FailedPrecondition if TensorFlow is not installed, and the errors of `lite0_weights` and
    `efficientnet_lite0`.
    """
    require("EfficientNet-Lite0", "tensorflow", "keras")
    return GeneralClassifier(_Lite0(weights or lite0_weights()), IMAGENET)


def model_classifier(folder: Path) -> GeneralClassifier:
    """Returns an exported model as a general classifier: a model's folder or one of its versions. Needs no TensorFlow.

    Raises the errors of `lightship.load`, and FailedPrecondition if the model was exported without classes or image
    spec.
    """
    model = load(folder)
    if model.classes is None or model.image is None:
        lacks = "classes" if model.classes is None else "an image spec"
        model.close()
        raise FailedPrecondition(f"{folder} was exported without {lacks}, so it cannot classify photos: export it anew")
    return GeneralClassifier(_Exported(model, model.classes), ClassWords(model.classes))


class _Lite0:
    name = "EfficientNet-Lite0"

    def __init__(self, weights: Path) -> None:
        self._model = efficientnet_lite0(weights=weights)

    def prepare(self, data: bytes) -> Row:
        return prepare(data, IMAGE)

    def run(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._model.predict_on_batch(prepared), np.float32)

    def close(self) -> None:
        """The memory is freed with the object."""


class _Exported:
    """A model of a version folder, which answers each photo as a server would."""

    def __init__(self, model: LocalModel, classes: Sequence[str]) -> None:
        self.name = f"{model.name} version {model.version}"
        self._model = model
        self._indices = {label: index for index, label in enumerate(classes)}

    def prepare(self, data: bytes) -> Row:
        answer = self._model.classify_image(data, top=len(self._indices))
        row = np.zeros(len(self._indices), np.float32)
        row[[self._indices[label] for label in answer.labels]] = answer.scores
        if not ((row >= 0) & (row <= 1 + 1e-3)).all():  # not for NaN either
            raise FailedPrecondition(
                f"the scores of {self.name} go from {row.min():g} to {row.max():g}, so they are not probabilities: "
                "give a model that ends with a softmax"
            )
        return row

    def run(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        return prepared

    def close(self) -> None:
        self._model.close()
