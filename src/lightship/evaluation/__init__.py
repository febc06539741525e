"""How good a model is on labelled photos: its figures, and pages that show them. Never imports TensorFlow."""
