"""Random small graphs, at the edges of their inputs: the serving engine beside TensorFlow."""
