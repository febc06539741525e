"""What this process counts of its models, besides the requests: loads, runs, batches and joined calls."""

from __future__ import annotations

from lightship.server.batch_metrics import BatchMetrics
from lightship.server.call_metrics import CallMetrics
from lightship.server.join_metrics import JoinMetrics
from lightship.server.load_metrics import LoadMetrics
from lightship.server.run_metrics import RunMetrics
from lightship.server.tensorflow_metrics import TensorFlowMetrics
from lightship.server.version_metrics import VersionMetrics
from lightship.transports.metrics.text import Family, counter, gauge

# TensorFlow Serving has these metrics too. They have no samples there either: its binary has no request logger, and
# keeps no metadata of sessions.
_UNUSED = (counter("/tensorflow/serving/request_log_count", []), gauge("/tensorflow/serving/mlmd_map", []))


class ModelMetrics:
    """Any thread may call its methods."""

    def __init__(self) -> None:
        self.tensorflow = TensorFlowMetrics()
        self.loads, self.calls = LoadMetrics(self.tensorflow.engine_made), CallMetrics()
        self.batches, self.joins = BatchMetrics(), JoinMetrics()
        self.runs = RunMetrics(self.tensorflow, self.calls, self.joins)
        self.versions = VersionMetrics()

    def families(self) -> list[Family]:
        """Returns the metrics that TensorFlow Serving has too."""
        self.runs.count()
        counted = (self.loads, self.calls, self.batches, self.tensorflow)
        return [family for one in counted for family in one.families()] + list(_UNUSED)

    def own_families(self) -> list[Family]:
        """Returns the metrics that only we have."""
        self.runs.count()
        return self.joins.families() + self.versions.families()
