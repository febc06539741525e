"""Tensors and their types."""
