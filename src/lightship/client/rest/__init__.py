"""The client's methods over TensorFlow Serving's REST API and Lightship's extensions of it."""
