"""The messages and services of TensorFlow Serving."""
