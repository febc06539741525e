"""Assembly: options, start-up, signals and drain. Builds the rooms below and joins them."""

from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific
from lightship.server.options import ServerOptions, parse_model_argument
from lightship.server.server import Server, serve

__all__ = [
    "All",
    "Latest",
    "ModelConfig",
    "Server",
    "ServerOptions",
    "Specific",
    "parse_model_argument",
    "serve",
]
