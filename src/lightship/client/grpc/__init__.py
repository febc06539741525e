"""The client's methods over TensorFlow Serving's gRPC services; needs only numpy, protobuf and grpcio."""
