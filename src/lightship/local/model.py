"""A model that is loaded in this process. It uses the server's code, but no HTTP or gRPC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Never, Self, overload

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import check_top
from lightship.client.explanations import Explanation
from lightship.client.grpc.metadata import signature_info
from lightship.client.hints import with_hint
from lightship.client.inputs import Inputs, arrays_for
from lightship.client.outputs import output_array
from lightship.client.photo_list import OnError
from lightship.client.photos import Photo, encoded
from lightship.client.results import Classification, ModelMetadata, Prediction, SignatureInfo
from lightship.client.rise import Rise
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError
from lightship.images.spec import ImageSpec
from lightship.lifecycle.handle import Handle, Lease
from lightship.lifecycle.servable import Servable
from lightship.local.explaining import explain
from lightship.local.photos import for_each_photo
from lightship.printable import printable
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE
from lightship.services.hints import hint_about_call, with_expected_shapes
from lightship.services.images import classify_images
from lightship.services.predict import check_signature, predict

_LABELS = 5  # that are shown


class LocalModel:
    """A version of a model that is loaded in this process; `lightship.load` makes it. Threads may share it.

    Used as a context manager, it is closed at the end.
    """

    def __init__(self, servable: Servable) -> None:
        self._lease, self._bundle = Lease(servable), servable.bundle
        self._lock, self._closed = Lock(), False
        signatures = servable.bundle.saved_model.signatures
        known = {name: signature_info(signatures[name].definition) for name in sorted(signatures)}
        self._metadata = ModelMetadata(servable.id.name, servable.id.version, known)

    @property
    def name(self) -> str:
        """The name of the model's folder."""
        return self._metadata.model

    @property
    def version(self) -> int:
        return self._metadata.version

    @property
    def path(self) -> Path:
        """The absolute path of the version folder."""
        return self._bundle.path

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The labels in the order of the model's scores; None if the model was exported without classes."""
        return self._bundle.labels

    @property
    def image(self) -> ImageSpec | None:
        """How photos become the model's input; None if the model was exported without an image spec."""
        return self._bundle.image

    @property
    def signatures(self) -> Mapping[str, SignatureInfo]:
        """The inputs and outputs of each signature, by its name."""
        return self._metadata.signatures

    @property
    def closed(self) -> bool:
        return self._closed

    def predict(self, inputs: Inputs, *, signature: str | None = None) -> Prediction:
        """Runs a signature, by default `serving_default`, and returns what `Client.predict` returns.

        inputs: the array for the only input, or a mapping of input names to arrays. Lists, bytes and strings are
            converted to arrays.

        The outputs have the dtypes of the signature: float32 for DT_FLOAT and so on, float32 for DT_BFLOAT16, and
        object for DT_STRING (elements are `str`, or `bytes` if the output's name ends in `_bytes`).

        Raises InvalidArgument for an unknown signature, and for names, values and shapes that do not fit; and
        FailedPrecondition if the model was closed or no engine can run the signature.
        """
        name = signature or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise InvalidArgument(
                f"model {self.name} has no signature {name} in version {self.version}: it has "
                f"{', '.join(self.signatures) or 'none'}"
            )
        given = arrays_for(inputs, name, self._metadata)
        arrays = {key: np.asarray(array, order="C") for key, array in given.items()}
        with self._handle() as handle:
            try:
                outputs = predict(handle.servable, check_signature(handle.servable, name), arrays)
            except LightshipError as error:  # in the words of the clients
                raise type(error)(with_hint(with_expected_shapes(error).message, hint_about_call(error))) from error
        results = {key: _own(output_array(array, key), arrays) for key, array in outputs.items()}
        return Prediction(results, self.name, self.version)

    def classify_image(self, photo: Photo, *, top: int = 5) -> Classification:
        """Returns the `top` best labels of a photo, the best first.

        photo: a path, the bytes of a JPEG, PNG, BMP, GIF or WebP file, a PIL image, or an array [H, W, C] of pixels
            0..255.

        Raises NotFound or PermissionDenied for a file that cannot be read, InvalidArgument for what is not such an
        image, and FailedPrecondition if the model was closed, or was exported without classes or an image spec.
        """
        check_top(top)
        with self._handle() as handle:
            (best,) = classify_images(handle.servable, [encoded(photo)], top)
        return Classification(tuple(best.labels), tuple(best.scores.tolist()), self.name, self.version)

    @overload
    def classify_images(
        self, photos: Iterable[Photo], *, top: int = 5, on_error: Literal["raise"] = "raise"
    ) -> list[Classification]: ...

    @overload
    def classify_images(
        self, photos: Iterable[Photo], *, top: int = 5, on_error: OnError
    ) -> list[Classification | LightshipError]: ...

    def classify_images(self, photos: Iterable[Photo], *, top: int = 5, on_error: OnError = "raise") -> list[Any]:
        """Returns the `top` best labels of each photo, in the order of the photos.

        photos: a list or any other iterable of what `classify_image` takes, or an array [N, H, W, C]. They are decoded
            and run by one thread per processor. An iterator is read as they are needed, so not all are in memory.
        on_error: what happens if a photo cannot be classified. "raise" raises its error, that of the first one if there
            are several. "return" puts the error, a `LightshipError`, into the list in the place of the result, and goes
            on. Its message begins with the photo's position, counted from 0, and its path.

        Raises the errors of `classify_image`, and InvalidArgument if `photos` is one photo.
        """
        check_top(top)
        return for_each_photo(photos, partial(self.classify_image, top=top), "classify_image", on_error)

    def explain_image(
        self, photo: Photo, *, class_: str | int | None = None, method: str | Rise | None = None
    ) -> Explanation:
        """Shows which parts of a photo raise the score of a class.

        photo: as in `classify_image`. If the model was exported without an image spec, an array is its own input for
            one image, [height, width, channels].
        class_: the class to explain, by its label or its index; None for the one with the best score.
        method: "cam", "grad-cam", "hirescam" or "grad-cam++", if this version has it, and by default its own. "rise" or
            `Rise(...)` works for every classifier: thousands of photos of which parts are hidden are predicted.

        Raises the errors of `classify_image`, FailedPrecondition if the version has no explanations, and
        InvalidArgument for an unknown class or method.
        """

        def run(signature: str, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
            return self.predict(inputs, signature=signature).outputs

        with self._handle() as handle:
            return explain(handle.servable, self._metadata, photo, class_, method, run)

    @overload
    def explain_images(
        self,
        photos: Iterable[Photo],
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        on_error: Literal["raise"] = "raise",
    ) -> list[Explanation]: ...

    @overload
    def explain_images(
        self,
        photos: Iterable[Photo],
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        on_error: OnError,
    ) -> list[Explanation | LightshipError]: ...

    def explain_images(
        self,
        photos: Iterable[Photo],
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        on_error: OnError = "raise",
    ) -> list[Any]:
        """Explains several photos as `explain_image` does, and returns the results in the order of the photos.

        photos, on_error: as in `classify_images`. class_: the class to explain in every photo; None for the best class
        of each.

        Raises the errors of `explain_image`, and InvalidArgument if `photos` is one photo.
        """
        explain_one = partial(self.explain_image, class_=class_, method=method)
        return for_each_photo(photos, explain_one, "explain_image", on_error)

    def close(self) -> None:
        """Frees the memory of the model. Calls that run in other threads are finished first, without waiting here."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._lease.retire(self._lease.servable.close)

    def __reduce__(self) -> Never:
        raise TypeError(
            f"the model {self.name!r} cannot be pickled or copied: give other processes its path, and load it there "
            "with lightship.load(path)"
        )

    def __repr__(self) -> str:
        rest = ", ".join(f"{key}: {value}" for key, value in self._shown().items())
        return printable(f"LocalModel({self.name!r}, {rest})")

    def _repr_html_(self) -> str:
        from lightship import notebook

        return notebook.table(f"model {self.name!r}", self._shown().items())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _shown(self) -> dict[str, object]:
        labels = self.classes
        some = ", ".join(map(repr, labels[:_LABELS])) if labels else ""
        more = f", {len(labels) - _LABELS} more" if labels and len(labels) > _LABELS else ""
        return {
            "version": self.version,
            "engine": "closed" if self._closed else self._lease.servable.engine.name,
            "classes": f"{len(labels)} ({some}{more})" if labels else "none",
            "image": self.image or "none",
            "signatures": ", ".join(name for name in self.signatures if name != INIT_SIGNATURE) or "none",
            "path": self.path,
        }

    def _handle(self) -> Handle:
        handle = self._lease.handle()
        if handle is None:
            raise FailedPrecondition(f"the model {self.name} was closed: load it again with lightship.load")
        return handle


def _own(array: NDArray[Any], inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Returns the array, or a copy if it shares memory with an input, which the caller may change later."""
    return array.copy() if any(np.may_share_memory(array, given) for given in inputs.values()) else array
