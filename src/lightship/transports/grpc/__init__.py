"""TensorFlow Serving's gRPC API: parses requests, calls the services, and serializes responses."""
