"""`tensorflow_serving.config.file_system_storage_path_source_pb2`: where versions are, and which of them are served."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/config/file_system_storage_path_source.proto")
FileSystemStoragePathSourceConfig: Any = message("tensorflow.serving.FileSystemStoragePathSourceConfig")
