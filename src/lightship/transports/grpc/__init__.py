"""TensorFlow Serving's gRPC API: from the bytes of a request to those of its answer. No meaning and no socket here."""
