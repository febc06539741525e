"""`tensorflow_serving.config.logging_config_pb2`: which calls are logged."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/config/logging_config.proto")
LoggingConfig: Any = message("tensorflow.serving.LoggingConfig")
PerTaskSamplingConfig: Any = message("tensorflow.serving.PerTaskSamplingConfig")
SamplingConfig: Any = message("tensorflow.serving.SamplingConfig")
