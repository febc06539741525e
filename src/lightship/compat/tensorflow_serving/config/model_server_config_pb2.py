"""`tensorflow_serving.config.model_server_config_pb2`: which models are served."""

from typing import Any

from lightship.compat.described import enumeration, file, message

DESCRIPTOR = file("tensorflow_serving/config/model_server_config.proto")
ModelConfig: Any = message("tensorflow.serving.ModelConfig")
ModelConfigList: Any = message("tensorflow.serving.ModelConfigList")
ModelServerConfig: Any = message("tensorflow.serving.ModelServerConfig")
ModelType: Any = enumeration("tensorflow.serving.ModelType")
MODEL_TYPE_UNSPECIFIED: int = ModelType.Value("MODEL_TYPE_UNSPECIFIED")
TENSORFLOW: int = ModelType.Value("TENSORFLOW")
OTHER: int = ModelType.Value("OTHER")
