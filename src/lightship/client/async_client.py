"""The asynchronous client: the same steps, awaited. What takes the processor's time is done in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import anyio
import anyio.to_thread
import httpx2
import numpy as np
from numpy.typing import NDArray

from lightship.bundle.image_spec import ImageSpec
from lightship.client.base import BaseClient
from lightship.client.binary import Encoding
from lightship.client.examples import Example
from lightship.client.exchange import Answer, Outcome, Pause, Send, Step, Steps
from lightship.client.photos import Photo
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
)
from lightship.client.tensors import Inputs

T = TypeVar("T")


class AsyncClient(BaseClient):
    """`Client` with methods to await; everything said there holds here. For asyncio and trio."""

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
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(
            url, timeout=timeout, retries=retries, image=image, labels=labels, bundle=bundle, headers=headers
        )
        self._http = httpx2.AsyncClient(headers=self._headers, transport=transport, verify=self._needs_tls())

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
        return await self._run(self._predict(model, inputs, signature, version, label, encoding))

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
        return await self._run(self._classify(model, examples, context, signature, version, label))

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
        return await self._run(self._regress(model, examples, context, signature, version, label))

    async def classify_image(
        self, model: str, photo: Photo, *, top: int = 5, version: int | None = None, label: str | None = None
    ) -> Classification:
        """See `Client.classify_image`."""
        return await self._run(self._classify_image(model, photo, top, version, label))

    async def models(self) -> tuple[ModelStatus, ...]:
        """See `Client.models`."""
        return await self._run(self._models())

    async def status(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> tuple[VersionStatus, ...]:
        """See `Client.status`."""
        return await self._run(self._status(model, version, label))

    async def metadata(self, model: str, *, version: int | None = None, label: str | None = None) -> ModelMetadata:
        """See `Client.metadata`."""
        return await self._run(self._metadata(model, version, label))

    async def ready(self) -> bool:
        """See `Client.ready`."""
        return await self._run(self._probe("/readyz"))

    async def live(self) -> bool:
        """See `Client.live`."""
        return await self._run(self._probe("/livez"))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, steps: Steps[T]) -> T:
        outcome: Outcome = None
        while True:
            step = await anyio.to_thread.run_sync(_next, steps, outcome)
            if isinstance(step, _End):
                return step.value
            outcome = await self._carry_out(step)

    async def _carry_out(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        try:
            with anyio.fail_after(step.deadline.left()):
                return await self._send(step)
        except (httpx2.RequestError, httpx2.InvalidURL, TimeoutError) as error:
            return error

    async def _send(self, send: Send) -> Answer:
        call, url = send.call, self.url + send.call.path
        timeout = send.deadline.timeout()
        response = await self._http.request(
            call.method, url, content=call.body, headers=call.all_headers, timeout=timeout
        )
        return Answer(response.status_code, response.headers, response.content, url)


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    """The result of steps that are done: StopIteration itself may not leave a thread."""

    value: T


def _next(steps: Steps[T], outcome: Outcome) -> Step | _End[T]:
    try:
        return steps.send(outcome)
    except StopIteration as end:
        return _End(end.value)
