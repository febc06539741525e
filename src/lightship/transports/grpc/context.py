"""Shared state of the gRPC handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.transports.metrics.text import Family

HealthOf = Literal["models", "port", "off"]
# Replaces all models; the function tells whether the caller does not wait for them any more.
Reload = Callable[[Sequence[ModelConfig], Callable[[], bool]], None]


@dataclass(frozen=True, slots=True)
class GrpcContext:
    manager: Manager
    # Replaces the models that are served, and waits until the new ones are loaded.
    reload: Reload
    # The metrics that a reload may ask for.
    families: Callable[[], list[Family]] = list
    # Write the outputs of Predict as `tensor_content` instead of typed values.
    tensor_content: bool = False
    # What `grpc.health.v1` says of the whole server: "models", SERVING when all models are loaded; "port", SERVING as
    # soon as a port is open, as TensorFlow Serving says; "off", the service does not exist.
    health: HealthOf = "models"
    # Whether the server has begun to stop.
    draining: Callable[[], bool] = lambda: False
