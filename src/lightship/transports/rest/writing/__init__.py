"""Writes arrays, errors and strings as JSON, in the same form as TensorFlow Serving."""
