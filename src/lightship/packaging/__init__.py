"""A trained model to a bundle that TensorFlow Serving and Lightship load. Needs TensorFlow and Keras."""

from lightship.packaging.export import export
from lightship.packaging.golden_sample import UntellingGolden
from lightship.packaging.transfer_model import TransferModel

__all__ = ["TransferModel", "UntellingGolden", "export"]
