"""The conformance suite: operation by operation, OpenVINO beside TensorFlow. It writes the table of what is proven."""
