"""Shared state of the gRPC handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.served_models import ServedModels
from lightship.memory import default_budget
from lightship.memory_budget import MemoryBudget
from lightship.services.hints import Hints
from lightship.transports.grpc.response_templates import ResponseTemplates
from lightship.transports.metrics.text import Family

HealthOf = Literal["models", "port", "off"]
# Replaces all models. The function that it takes returns whether the caller has stopped waiting.
Reload = Callable[[Sequence[ModelConfig], Callable[[], bool]], None]


@dataclass(frozen=True, slots=True)
class GrpcContext:
    manager: ServedModels
    # Replaces the models that are served, and waits until the new ones are loaded.
    reload: Reload
    # The memory that all requests may hold together.
    budget: MemoryBudget = field(default_factory=lambda: MemoryBudget(default_budget()))
    # The folder below which a reload request may choose base paths. None: no request may reload.
    reload_root: Path | None = None
    # Returns the metrics whose increase a reload request may ask for.
    families: Callable[[], list[Family]] = list
    # Write the outputs of Predict as `tensor_content` instead of typed values.
    tensor_content: bool = False
    # What `grpc.health.v1` reports for the whole server. "models": SERVING when all models are loaded. "port": SERVING
    # as soon as a port is open, as in TensorFlow Serving. "off": the service is not offered.
    health: HealthOf = "models"
    # Returns whether the server has started to shut down.
    draining: Callable[[], bool] = lambda: False
    # Makes the hints that are sent with errors. None: none are sent.
    hints: Hints | None = None
    # Writes Predict's responses.
    responses: ResponseTemplates = field(default_factory=ResponseTemplates)
