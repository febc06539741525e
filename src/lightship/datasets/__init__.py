"""Finds labelled photos, and splits them for a training. Never imports TensorFlow."""
