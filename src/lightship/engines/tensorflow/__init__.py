"""The TensorFlow engine, which can run any signature if TensorFlow is installed."""

from lightship.engines.tensorflow.model import TensorFlowModel, import_tensorflow, tensorflow_installed

__all__ = ["TensorFlowModel", "import_tensorflow", "tensorflow_installed"]
