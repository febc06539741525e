"""`tensorflow_serving.config.platform_config_pb2`: settings of platforms."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/config/platform_config.proto")
PlatformConfig: Any = message("tensorflow.serving.PlatformConfig")
PlatformConfigMap: Any = message("tensorflow.serving.PlatformConfigMap")
