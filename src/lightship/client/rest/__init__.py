"""The calls as TensorFlow Serving's REST API has them, and what Lightship adds to it."""
