"""The TensorFlow engine, which can run any signature if TensorFlow is installed."""

from lightship.engines.tensorflow.importing import import_tensorflow, tensorflow_installed
from lightship.engines.tensorflow.model import TensorFlowModel

__all__ = ["TensorFlowModel", "import_tensorflow", "tensorflow_installed"]
