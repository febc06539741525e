"""The messages of TensorFlow Serving's configuration files."""
