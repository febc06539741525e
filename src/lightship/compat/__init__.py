"""What the official Python packages offer their users, without TensorFlow: put `lightship.compat` before the import.

    from lightship.compat import tensorflow as tf
    from lightship.compat.tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

The messages are those of Lightship's own pool, so that both packages can be in one process.
"""
