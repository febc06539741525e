"""What runs a servable's signatures. The runtimes are imported when a model is loaded, not before."""

from lightship.engines.base import Engine, EngineOptions
from lightship.engines.choose import load_engine

__all__ = ["Engine", "EngineOptions", "load_engine"]
