"""The synchronous client: sends the requests and waits, in the caller's thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import Encoding
from lightship.client.base import BaseClient
from lightship.client.flow import Flow, Outcome, Pause
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Tls
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
)
from lightship.client.target import Target
from lightship.client.transport import Transport
from lightship.images.spec import ImageSpec

if TYPE_CHECKING:
    import httpx2

    from lightship.client.photos import Photo

T = TypeVar("T")


class Client(BaseClient):
    """Asks a model server, Lightship or TensorFlow Serving itself. Safe to use from several threads.

    url: the server's address. Over REST `http://host:8501` or `https://`; a path before `/v1` is kept, `/v1/models/...`
        behind it is dropped. Over gRPC `grpc://host:8500`, `grpcs://` with TLS, or `grpc+unix:///path/to/socket`.
    timeout: seconds for all that one method does, retries included; None: no end.
    retries: how often a call is sent again at most: if it never reached the server, was refused with 503, or only reads
        and its connection broke. A prediction that may have run is not sent again.
    image, labels: for servers that take tensors only, such as TensorFlow Serving with a model that has no signature
        image_bytes: what training did to its photos, and the class names in index order (or a file of them).
    bundle: the exported folder, `models/dog` or `models/dog/1`, to take both from.
    headers: sent with each call, such as {"Authorization": "Bearer ..."}; over gRPC as metadata.
    tls: whom to trust, and the client's own certificate, where the server asks for one.
    transport: an httpx2 transport, for a UNIX socket, an ASGI application or TLS of your own.

    The methods and their results are the same over both. Over gRPC tensors always go as bytes, messages may have 2 GiB,
    and neither httpx2 nor orjson is needed.
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
            from lightship.client.grpc.transport import GrpcTransport

            return GrpcTransport(self.url, self._options)
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
        """Runs a signature (`serving_default` unless named) of the newest version, or of `version` or `label`.

        inputs: the array for the only input, or a mapping of input names to arrays; lists, bytes and texts do as well.
        The outputs have the dtypes that the model's metadata says, asked for once for each version: float32 for
        DT_FLOAT and so on, float32 for DT_BFLOAT16, objects for DT_STRING (`str`; `bytes` where the name ends in
        `_bytes`). The server's refusals are raised as `lightship.errors`.

        encoding: over REST. "json", which every server takes; "binary", tensors as bytes, which Lightship takes and
        which is many times faster for large ones; "auto", bytes as soon as the server has shown itself to be Lightship,
        and JSON for what does not travel as bytes. Over gRPC they always travel as bytes.
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
        """The classes of each example, with their scores, in the model's order; raises as `predict` does.

        An example is a mapping of features: a number, a boolean, a text or bytes, or a list or array of one of these.
        Integers and booleans become int64 features, floats float features (`2.0` is one, `2` is not), texts and bytes
        bytes features. The features of `context` are those of every example that does not have its own.
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
        """A number for each example, float32 [examples]; examples and context as in `classify`."""
        return self._run(self._calls.regress(Target(model, version, label), examples, context, signature))

    def classify_image(
        self, model: str, photo: Photo, *, top: int = 5, version: int | None = None, label: str | None = None
    ) -> Classification:
        """The `top` best labels for a photo: a path, the bytes of a JPEG, PNG, BMP, GIF or WebP, a PIL image, or pixels
        0..255 as an array [H, W, C].

        Lightship gets the image as it is. A server that takes no images gets it by the signature image_bytes if the
        model has it, or else as floats that the client preprocesses itself, by `bundle`, or `image` and `labels`.
        """
        return self._run(self._calls.classify_image(Target(model, version, label), photo, top))

    def models(self) -> tuple[ModelStatus, ...]:
        """All models and the states of their versions. Raises Unimplemented where the server is TensorFlow Serving."""
        return self._run(self._calls.models())

    def status(self, model: str, *, version: int | None = None, label: str | None = None) -> tuple[VersionStatus, ...]:
        """The states of a model's versions, the highest first. Raises NotFound."""
        return self._run(self._calls.status(Target(model, version, label)))

    def metadata(self, model: str, *, version: int | None = None, label: str | None = None) -> ModelMetadata:
        """The signatures of a version, with their inputs and outputs. Raises NotFound."""
        return self._run(self._calls.metadata(Target(model, version, label)))

    def ready(self) -> bool:
        """Whether every model has a version that answers. A server that cannot be reached is not ready."""
        return self._run(self._calls.ready())

    def live(self) -> bool:
        """Whether the server answers at all."""
        return self._run(self._calls.live())

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
