"""The synchronous client: sends the requests and waits, in the caller's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import DEFAULT_CONCURRENCY, Encoding, check_top
from lightship.client.base import BaseClient
from lightship.client.explanations import Explanation
from lightship.client.flow import Flow, Outcome, Pause
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Tls
from lightship.client.parallel import in_order
from lightship.client.photo_list import ListedPhoto, OnError, answer_or_error, check_options, listed
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
    WorkerStatus,
)
from lightship.client.rise import Rise
from lightship.client.target import Target
from lightship.client.transport import Transport
from lightship.errors import LightshipError
from lightship.extras import required
from lightship.images.spec import ImageSpec

if TYPE_CHECKING:
    import httpx2

    from lightship.client.photos import Photo

T = TypeVar("T")


class Client(BaseClient):
    """A client of a model server: Lightship or TensorFlow Serving. Threads may share one.

    url: the server's address. For REST it is `http://host:8501` or `https://...`; a path before `/v1` is kept, and
        `/v1/models/...` is dropped. For gRPC it is `grpc://host:8500`, `grpcs://...` with TLS, or
        `grpc+unix:///path/to/socket`.
    timeout: seconds for all that one method does, retries included; None for no limit.
    retries: how often a request is sent again at most. It is sent again if it never reached the server, if the server
        refused it for the moment (503 over REST), or if it only reads and its connection broke. A prediction that may
        have run is never sent again.
    image, labels: for servers that take only tensors, such as TensorFlow Serving with a model that has no signature
        image_bytes. `image` says how the images were preprocessed in training. `labels` has the class names in index
        order, or is a file of them.
    bundle: the exported folder to take both from, `models/dog` or `models/dog/1`.
    headers: sent with each request, such as {"Authorization": "Bearer ..."}; over gRPC as metadata.
    tls: the authorities to trust, and the client's own certificate if the server requires one.
    transport: an httpx2 transport, for a UNIX socket, an ASGI application or your own TLS settings.

    The methods and their results are the same over REST and gRPC. Over gRPC tensors are always sent as bytes, messages
    may have 2 GiB, and httpx2 and orjson are not needed.

    Raises InvalidArgument for invalid options; NotFound, PermissionDenied or DataLoss for files that cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float | None = 30.0,
        retries: int = 2,
        image: ImageSpec | None = None,
        labels: Sequence[str] | str | Path | None = None,
        bundle: str | Path | None = None,
        headers: Mapping[str, str] | None = None,
        tls: Tls | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, timeout, retries, image, labels, bundle, headers, tls, transport)
        self._transport = self._make_transport(transport)

    def _make_transport(self, transport: httpx2.BaseTransport | None) -> Transport:
        if self._speaks_grpc:
            with required("a client of a gRPC server"):
                from lightship.client.grpc.transport import GrpcTransport

            return GrpcTransport(self.url, self._options)
        with required("a client of an HTTP server"):
            from lightship.client.rest.transport import HttpTransport

        return HttpTransport(self.url, self._options, transport)

    def predict(
        self,
        model: str,
        inputs: Inputs,
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        encoding: Encoding = "json",
    ) -> Prediction:
        """Runs a signature (`serving_default` by default) of the newest version, or of `version` or `label`.

        inputs: the array for the only input, or a mapping of input names to arrays. Lists, bytes and strings are
            converted to arrays.
        encoding: how tensors are sent over REST. "json" works with every server. "binary" sends bytes, which only
            Lightship takes and which is many times faster for large tensors. "auto" sends bytes once a response has
            shown that the server is Lightship, and JSON for tensors that cannot be sent as bytes. Over gRPC tensors are
            always sent as bytes.

        The outputs have the dtypes that the model's metadata gives, which is requested once for each version: float32
        for DT_FLOAT and so on, float32 for DT_BFLOAT16, and object for DT_STRING (elements are `str`, or `bytes` if the
        output's name ends in `_bytes`).

        Raises the error of `lightship.errors` that belongs to the server's status, InvalidArgument for values that
        cannot be sent, Unavailable without a connection, DeadlineExceeded after `timeout`, and Unimplemented if the
        server does not take "binary".
        """
        return self._run(self._calls.predict(Target(model, version, label), inputs, signature, encoding))

    def classify(
        self,
        model: str,
        examples: Sequence[Example],
        *,
        context: Example | None = None,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> list[list[ScoredLabel]]:
        """Returns the classes of each example with their scores, in the model's order. Raises the errors of `predict`.

        examples: each is a mapping of features. A feature is a number, a boolean, a text or bytes, or a flat list or
            array of one of these. Integers and booleans become int64 features, floats become float features (`2.0` is a
            float, `2` is not), strings and bytes become bytes features.
        context: features that are added to every example that does not have them itself.
        """
        return self._run(self._calls.classify(Target(model, version, label), examples, context, signature))

    def regress(
        self,
        model: str,
        examples: Sequence[Example],
        *,
        context: Example | None = None,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> NDArray[np.float32]:
        """Returns a number for each example, float32 [examples]. Arguments and errors as in `classify`."""
        return self._run(self._calls.regress(Target(model, version, label), examples, context, signature))

    def classify_image(
        self, model: str, photo: Photo, *, top: int = 5, version: int | None = None, label: str | None = None
    ) -> Classification:
        """Returns the `top` best labels of a photo, the best first. Raises the errors of `predict`.

        photo: a path, the bytes of a JPEG, PNG, BMP, GIF or WebP file, a PIL image, or an array [H, W, C] of pixels
            0..255.

        Over REST, Lightship gets the image file itself. Otherwise the client uses the signature image_bytes if the
        model has it. If not, it preprocesses the image and sends floats; for this the client needs `bundle`, or `image`
        and `labels`, and raises FailedPrecondition without them.
        """
        return self._run(self._calls.classify_image(Target(model, version, label), photo, top))

    @overload
    def classify_images(
        self,
        model: str,
        photos: Iterable[Photo],
        *,
        top: int = 5,
        version: int | None = None,
        label: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        on_error: Literal["raise"] = "raise",
    ) -> list[Classification]: ...

    @overload
    def classify_images(
        self,
        model: str,
        photos: Iterable[Photo],
        *,
        top: int = 5,
        version: int | None = None,
        label: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        on_error: OnError,
    ) -> list[Classification | LightshipError]: ...

    def classify_images(
        self,
        model: str,
        photos: Iterable[Photo],
        *,
        top: int = 5,
        version: int | None = None,
        label: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        on_error: OnError = "raise",
    ) -> list[Any]:
        """Classifies several photos as `classify_image` does, and returns the results in the order of the photos.

        photos: a list, or any other iterable, of what `classify_image` takes; or an array [N, H, W, C]. An iterator is
            read as the photos are sent, so not all of them are in memory. An empty list gives an empty list.
        concurrency: how many photos are sent at the same time, each in a request of its own, from 1 to 64. `timeout`
            applies to each photo. Use a smaller number if the server is slow or is to answer others as well. While the
            server says that it has too much work, a photo is sent again until its `timeout`.
        on_error: what happens if a photo cannot be read, or the server refuses it. "raise" sends no further photo and
            raises the error of the first one that failed. "return" puts the error, a `LightshipError`, into the list in
            the place of its result, and goes on. Its message begins with the position of the photo, counted from 0, and
            its path: `photos[3] (cat.jpg): ...`.

        Raises the errors of `classify_image`, and InvalidArgument if `photos` is a single photo.
        """
        check_top(top)
        check_options(concurrency, on_error)
        target = Target(model, version, label)

        def classify(photo: Photo) -> Classification:
            return self._run(self._calls.classify_image(target, photo, top, patient=True))

        return self._for_each(classify, listed(photos), concurrency, on_error)

    def explain_image(
        self,
        model: str,
        photo: Photo,
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> Explanation:
        """Shows which parts of a photo raise the score of a class. Raises the errors of `predict`.

        photo: as in `classify_image`. If the model takes no photos and the client has no image spec, an array is the
            model's own input for one image, [height, width, channels].
        class_: the class to explain, by its label or its index; None for the one with the best score.
        method: "cam", "grad-cam", "hirescam" or "grad-cam++", if the model's version has it, and by default its own.
            "rise" or `Rise(...)` works for every model and server: the client sends thousands of photos of which parts
            are hidden, each request with its own `timeout`.
        label: a version label, as in `predict`.

        Over REST, Lightship gets the image file itself at `:explain`. Over gRPC, and from TensorFlow Serving, the
        client runs the signatures `explain` and `explain_class`, which Lightship wrote into the model when it exported
        it. They know one method only, and classes by index: for labels the client needs `labels` or `bundle`.

        Raises FailedPrecondition if the version has no explanations, and InvalidArgument for an unknown class or
        method.
        """
        return self._run(self._calls.explain_image(Target(model, version, label), photo, class_, method))

    @overload
    def explain_images(
        self,
        model: str,
        photos: Iterable[Photo],
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        version: int | None = None,
        label: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        on_error: Literal["raise"] = "raise",
    ) -> list[Explanation]: ...

    @overload
    def explain_images(
        self,
        model: str,
        photos: Iterable[Photo],
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        version: int | None = None,
        label: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        on_error: OnError,
    ) -> list[Explanation | LightshipError]: ...

    def explain_images(
        self,
        model: str,
        photos: Iterable[Photo],
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        version: int | None = None,
        label: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        on_error: OnError = "raise",
    ) -> list[Any]:
        """Explains several photos as `explain_image` does, and returns the results in the order of the photos.

        photos, concurrency, on_error: as in `classify_images`. class_: the class to explain in every photo; None for
        the best class of each.

        Raises the errors of `explain_image`, and InvalidArgument if `photos` is a single photo.
        """
        check_options(concurrency, on_error)
        target = Target(model, version, label)

        def explain(photo: Photo) -> Explanation:
            return self._run(self._calls.explain_image(target, photo, class_, method, patient=True))

        return self._for_each(explain, listed(photos, "explain_image"), concurrency, on_error)

    def models(self) -> tuple[ModelStatus, ...]:
        """All models and the states of their versions. Raises Unimplemented if the server is TensorFlow Serving."""
        return self._run(self._calls.models())

    def workers(self) -> tuple[WorkerStatus, ...]:
        """The processes that serve the models, if there are several. Raises Unimplemented as `models` does."""
        return self._run(self._calls.workers())

    def status(self, model: str, *, version: int | None = None, label: str | None = None) -> tuple[VersionStatus, ...]:
        """The states of a model's versions, the highest first. Raises NotFound for an unknown model or version."""
        return self._run(self._calls.status(Target(model, version, label)))

    def metadata(self, model: str, *, version: int | None = None, label: str | None = None) -> ModelMetadata:
        """The inputs and outputs of a version's signatures. Raises NotFound for an unknown model or version."""
        return self._run(self._calls.metadata(Target(model, version, label)))

    def ready(self) -> bool:
        """Whether every model has a version that answers; False if the server cannot be reached."""
        return self._run(self._calls.ready())

    def live(self) -> bool:
        """Whether the server answers at all; False if it cannot be reached."""
        return self._run(self._calls.live())

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _for_each(
        self, answer: Callable[[Photo], T], photos: Iterator[ListedPhoto], concurrency: int, on_error: OnError
    ) -> list[T | LightshipError]:
        return list(in_order(lambda one: answer_or_error(answer, one, on_error), photos, concurrency))

    def _run(self, flow: Flow[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                outcome = None
            else:
                outcome = self._transport.send(step)
