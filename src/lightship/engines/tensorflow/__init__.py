"""The TensorFlow engine, which can run any signature if TensorFlow is installed."""

from lightship.engines.tensorflow.model import TensorFlowModel, tensorflow_installed

__all__ = ["TensorFlowModel", "tensorflow_installed"]
