"""The TensorFlow engine: runs any signature, where TensorFlow is installed."""

from lightship.engines.tensorflow.model import TensorFlowModel, tensorflow_installed

__all__ = ["TensorFlowModel", "tensorflow_installed"]
