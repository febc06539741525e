"""Reads SavedModels: versions, signatures, graphs and variables. Never imports TensorFlow."""
