"""TensorFlow Serving's batching for all models of a server."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lightship.batching import Direct, Ran, RanAtOnce, Scheduler
from lightship.batching.tensorflow_serving import (
    BatchingParameters,
    BatchObserver,
    BatchThreads,
    TensorFlowServingBatching,
)
from lightship.bundle.bundle import Bundle
from lightship.engines import Engine
from lightship.memory_budget import Reservation
from lightship.server.config.batching import PER_MODEL_FILE, version_parameters

logger = logging.getLogger(__name__)


class Batching:
    """Makes the scheduler of each version, and owns the threads that all of them share.

    parameters: those of all versions. per_model: each version has its own in its folder, or is not batched, and
    `parameters` are those of the threads alone. `reserve` counts the memory of a batch. `ran` is told of
    each run of an engine. `ran_at_once` returns what is told of the runs of a model on the event loop.
    """

    def __init__(
        self,
        parameters: BatchingParameters,
        reserve: Callable[[], Reservation],
        observer: BatchObserver,
        ran: Ran | None = None,
        ran_at_once: Callable[[str], RanAtOnce] | None = None,
        *,
        per_model: bool = False,
    ) -> None:
        self._parameters, self._per_model = parameters, per_model
        self._reserve, self._observer, self._ran = reserve, observer, ran
        self._ran_at_once = ran_at_once
        self._threads = BatchThreads(parameters.threads, parameters.thread_pool_name)

    def scheduler(self, model: str, version: int, bundle: Bundle, engine: Engine) -> Scheduler:
        """Returns the scheduler of a version. Raises the errors of `read_batching_parameters`."""
        parameters = version_parameters(bundle.path) if self._per_model else self._parameters
        if parameters is None:
            logger.info(
                "%s version %d has no %s, so its calls are not batched",
                model,
                version,
                PER_MODEL_FILE,
                extra={"model": model, "version": version},
            )
            return Direct(engine, self._ran, None if self._ran_at_once is None else self._ran_at_once(model))
        signatures, observer = bundle.saved_model.signatures, self._observer
        return TensorFlowServingBatching(
            engine, signatures, parameters, self._threads, self._reserve, observer, self._ran
        )

    def close(self) -> None:
        """Ends the threads once no call waits. Does not wait for them."""
        self._threads.close()
