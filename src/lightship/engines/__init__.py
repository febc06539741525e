"""Engines, which run the signatures of a servable. A runtime is imported only when a model is loaded."""

from lightship.engines.base import Engine, EngineOptions
from lightship.engines.choose import load_engine

__all__ = ["Engine", "EngineOptions", "load_engine"]
