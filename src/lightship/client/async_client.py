"""The asynchronous client: awaits the responses, and encodes and decodes in a thread, off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import DEFAULT_CONCURRENCY, Encoding, check_top
from lightship.client.base import BaseClient
from lightship.client.explanations import Explanation
from lightship.client.flow import Flow, Outcome, Pause, Step
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Tls
from lightship.client.photo_list import OnError, PhotoQueue, check_options
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
from lightship.client.transport import AsyncTransport
from lightship.errors import LightshipError
from lightship.extras import required
from lightship.images.spec import ImageSpec

if TYPE_CHECKING:
    import httpx2

    from lightship.client.photos import Photo

T = TypeVar("T")


class AsyncClient(BaseClient):
    """The asynchronous `Client`, with the same arguments and methods. Runs on asyncio, and over REST on trio too."""

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
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, timeout, retries, image, labels, bundle, headers, tls, transport)
        self._transport = self._make_transport(transport)

    def _make_transport(self, transport: httpx2.AsyncBaseTransport | None) -> AsyncTransport:
        if self._speaks_grpc:
            with required("a client of a gRPC server"):
                from lightship.client.grpc.transport import AsyncGrpcTransport

            return AsyncGrpcTransport(self.url, self._options)
        with required("a client of an HTTP server"):
            from lightship.client.rest.transport import AsyncHttpTransport

        return AsyncHttpTransport(self.url, self._options, transport)

    async def predict(
        self,
        model: str,
        inputs: Inputs,
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        encoding: Encoding = "json",
    ) -> Prediction:
        """See `Client.predict`."""
        return await self._run(self._calls.predict(Target(model, version, label), inputs, signature, encoding))

    async def classify(
        self,
        model: str,
        examples: Sequence[Example],
        *,
        context: Example | None = None,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> list[list[ScoredLabel]]:
        """See `Client.classify`."""
        return await self._run(self._calls.classify(Target(model, version, label), examples, context, signature))

    async def regress(
        self,
        model: str,
        examples: Sequence[Example],
        *,
        context: Example | None = None,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> NDArray[np.float32]:
        """See `Client.regress`."""
        return await self._run(self._calls.regress(Target(model, version, label), examples, context, signature))

    async def classify_image(
        self, model: str, photo: Photo, *, top: int = 5, version: int | None = None, label: str | None = None
    ) -> Classification:
        """See `Client.classify_image`."""
        return await self._run(self._calls.classify_image(Target(model, version, label), photo, top))

    @overload
    async def classify_images(
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
    async def classify_images(
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

    async def classify_images(
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
        """See `Client.classify_images`. An iterator is read in a thread, off the event loop."""
        check_top(top)
        check_options(concurrency, on_error)
        target = Target(model, version, label)

        def classify(photo: Photo) -> Flow[Classification]:
            return self._calls.classify_image(target, photo, top, patient=True)

        return await self._for_each(classify, PhotoQueue(photos, on_error), concurrency)

    async def explain_image(
        self,
        model: str,
        photo: Photo,
        *,
        class_: str | int | None = None,
        method: str | Rise | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> Explanation:
        """See `Client.explain_image`."""
        return await self._run(self._calls.explain_image(Target(model, version, label), photo, class_, method))

    @overload
    async def explain_images(
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
    async def explain_images(
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

    async def explain_images(
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
        """See `Client.explain_images`. An iterator is read in a thread, off the event loop."""
        check_options(concurrency, on_error)
        target = Target(model, version, label)

        def explain(photo: Photo) -> Flow[Explanation]:
            return self._calls.explain_image(target, photo, class_, method, patient=True)

        return await self._for_each(explain, PhotoQueue(photos, on_error, "explain_image"), concurrency)

    async def models(self) -> tuple[ModelStatus, ...]:
        """See `Client.models`."""
        return await self._run(self._calls.models())

    async def workers(self) -> tuple[WorkerStatus, ...]:
        """See `Client.workers`."""
        return await self._run(self._calls.workers())

    async def status(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> tuple[VersionStatus, ...]:
        """See `Client.status`."""
        return await self._run(self._calls.status(Target(model, version, label)))

    async def metadata(self, model: str, *, version: int | None = None, label: str | None = None) -> ModelMetadata:
        """See `Client.metadata`."""
        return await self._run(self._calls.metadata(Target(model, version, label)))

    async def ready(self) -> bool:
        """See `Client.ready`."""
        return await self._run(self._calls.ready())

    async def live(self) -> bool:
        """See `Client.live`."""
        return await self._run(self._calls.live())

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _for_each(self, answer: Callable[[Photo], Flow[Any]], queue: PhotoQueue, concurrency: int) -> list[Any]:
        async def work() -> None:
            while (one := await self._transport.in_thread(queue.take)) is not None:
                try:
                    queue.succeed(one, await self._run(answer(one.photo)))
                except Exception as error:
                    queue.fail(one, error)

        await self._transport.run_copies(work, concurrency)
        return queue.outcomes()

    async def _run(self, flow: Flow[T]) -> T:
        outcome: Outcome = None
        while True:
            step = await self._transport.in_thread(_next, flow, outcome)
            if isinstance(step, _End):
                return cast("T", step.value)
            if isinstance(step, Pause):
                await self._transport.sleep(step.seconds)
                outcome = None
            else:
                outcome = await self._transport.send(step)


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    """The result of a flow that has ended. StopIteration itself cannot be passed on from a thread."""

    value: T


def _next(flow: Flow[T], outcome: Outcome) -> Step | _End[T]:
    try:
        return flow.send(outcome)
    except StopIteration as end:
        return _End(end.value)
