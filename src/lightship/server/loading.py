"""What loads versions in this process, and what the calls of all versions share."""

from __future__ import annotations

from lightship.server.assembly import batching_of, budget_of, loader_of
from lightship.server.model_metrics import ModelMetrics
from lightship.server.options import ServerOptions


class Loading:
    """Loads versions. The memory budget, the batching and the metrics are those of all of them.

    load: a `LoadFunction`.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.budget = budget_of(options)
        self.metrics = ModelMetrics()
        self._batching = batching_of(options, self.budget, self.metrics)
        self.load = self.metrics.versions.counted(loader_of(options, self.metrics, self._batching).load)

    def close(self) -> None:
        """Ends the threads of the batching once no call waits. Does not wait for them."""
        if self._batching is not None:
            self._batching.close()
