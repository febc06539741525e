"""Reads what Lightship adds to a version folder. Does not need TensorFlow."""
