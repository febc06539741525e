"""What runs a servable's signatures. The runtimes are imported when a model is loaded, not before."""

from lightship.engines.auto import load_engine
from lightship.engines.base import Engine, EngineOptions

__all__ = ["Engine", "EngineOptions", "load_engine"]
