"""TensorFlow's messages, as far as TensorFlow Serving uses them."""
