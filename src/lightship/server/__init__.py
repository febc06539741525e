"""Assembly: options, start-up, signals and drain. Builds the rooms below and joins them."""

from lightship.server.options import ModelSource, ServerOptions, parse_model_argument
from lightship.server.server import Server, serve

__all__ = ["ModelSource", "Server", "ServerOptions", "parse_model_argument", "serve"]
