"""The messages and services that TensorFlow Serving speaks."""
