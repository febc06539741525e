"""The parts of TensorFlow and tensorflow-serving-api that clients use, without TensorFlow.

Change only the imports:

    from lightship.compat import tensorflow as tf
    from lightship.compat.tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

The messages are in Lightship's own descriptor pool, so a process can also import the official packages.
"""
