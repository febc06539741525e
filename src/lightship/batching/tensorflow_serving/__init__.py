"""TensorFlow Serving's batching: calls wait for others, and are run in batches by a few threads."""

from lightship.batching.tensorflow_serving.parameters import BatchingParameters
from lightship.batching.tensorflow_serving.pool import BatchThreads
from lightship.batching.tensorflow_serving.scheduler import BatchObserver, TensorFlowServingBatching

__all__ = ["BatchObserver", "BatchThreads", "BatchingParameters", "TensorFlowServingBatching"]
