"""LiteRT (TensorFlow Lite), which runs `model.tflite`. Its package is imported when such a model is opened."""

from lightship.engines.litert.backend import LiteRT

__all__ = ["LiteRT"]
