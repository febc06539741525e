"""Photos with their classes: finding them, checking that they can be read, and splitting them for training."""

from lightship.datasets.balancing import class_weights
from lightship.datasets.finding import FoundPhotos, find_photos
from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.datasets.photo_set import PhotoSet, read_photo_set

__all__ = [
    "FoundPhotos",
    "LabelledPhoto",
    "PhotoSet",
    "SkippedPhoto",
    "class_weights",
    "find_photos",
    "read_photo_set",
]
