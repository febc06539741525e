"""Finds the photos of a collection that do not show given classes, using a general classifier."""
