"""Decodes, resizes and preprocesses images as training did, as an `ImageSpec` describes. Never imports TensorFlow."""
