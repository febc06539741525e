"""What the calls are made on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.transports.metrics.text import Family

HealthOf = Literal["models", "port", "off"]
# Takes the place of all models; the function says whether its caller has given up waiting for them.
Reload = Callable[[Sequence[ModelConfig], Callable[[], bool]], None]


@dataclass(frozen=True, slots=True)
class Serving:
    """reload: serves other models from now on, and waits for them. families: the metrics.

    tensor_content: outputs of predict are written there. health: overall, that of all models, or SERVING as soon as a
    port is open, as TensorFlow Serving says; or no such service. draining: whether the server is on its way out.
    """

    manager: Manager
    reload: Reload
    families: Callable[[], list[Family]] = list
    tensor_content: bool = False
    health: HealthOf = "models"
    draining: Callable[[], bool] = lambda: False
