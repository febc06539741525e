"""One training, from a folder of photos to a version folder, as `lightship train` runs it."""
