"""`tf.train`: the messages that Classify, Regress and MultiInference take as examples."""

from lightship.compat.tensorflow.core.example.example_pb2 import Example
from lightship.compat.tensorflow.core.example.feature_pb2 import BytesList, Feature, Features, FloatList, Int64List

__all__ = ["BytesList", "Example", "Feature", "Features", "FloatList", "Int64List"]
