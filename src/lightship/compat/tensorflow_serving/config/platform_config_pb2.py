"""`tensorflow_serving.config.platform_config_pb2`: the platforms' own settings."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/config/platform_config.proto")
PlatformConfig: Any = message("tensorflow.serving.PlatformConfig")
PlatformConfigMap: Any = message("tensorflow.serving.PlatformConfigMap")
