"""`lightship bench`: measures any server of TensorFlow Serving's API under load, over REST and gRPC."""
