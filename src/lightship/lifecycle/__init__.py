"""Loads the versions of models when their folders appear, and unloads them, while requests are being answered."""

from lightship.lifecycle.configuration import Configuration
from lightship.lifecycle.handle import Handle
from lightship.lifecycle.loader import Loader, LoadObserver, LoadOptions, load_servable
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific, VersionPolicy
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.source import FileSystemSource
from lightship.lifecycle.state import ModelVersionStatus, State

__all__ = [
    "All",
    "Configuration",
    "FileSystemSource",
    "Handle",
    "Latest",
    "LoadObserver",
    "LoadOptions",
    "Loader",
    "Manager",
    "ModelConfig",
    "Servable",
    "ServableId",
    "Specific",
    "State",
    "VersionPolicy",
    "ModelVersionStatus",
    "load_servable",
]
