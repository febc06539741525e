"""`tensorflow_serving.config.log_collector_config_pb2`: where logs go."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/config/log_collector_config.proto")
LogCollectorConfig: Any = message("tensorflow.serving.LogCollectorConfig")
