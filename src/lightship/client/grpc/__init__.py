"""The calls as TensorFlow Serving's gRPC services have them; needs numpy, protobuf and grpcio alone."""
