"""What this process counts of its models, besides the requests: loads, batches and joined calls."""

from __future__ import annotations

from lightship.server.batch_metrics import BatchMetrics
from lightship.server.join_metrics import JoinMetrics
from lightship.server.load_metrics import LoadMetrics
from lightship.transports.metrics.text import Family


class ModelMetrics:
    """Any thread may call its methods."""

    def __init__(self) -> None:
        self.loads, self.batches, self.joins = LoadMetrics(), BatchMetrics(), JoinMetrics()

    def families(self) -> list[Family]:
        """Returns the metrics that TensorFlow Serving has too."""
        return self.loads.families() + self.batches.families()

    def own_families(self) -> list[Family]:
        """Returns the metrics that only we have."""
        return self.joins.families()
