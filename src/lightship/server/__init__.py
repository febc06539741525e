"""Builds, starts and stops the server: options, endpoints, signal handling and drain."""

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific
from lightship.server.options import ServerOptions, parse_model_argument
from lightship.server.server import Server
from lightship.server.starting import serve

__all__ = [
    "All",
    "BatchingParameters",
    "Latest",
    "ModelConfig",
    "Server",
    "ServerOptions",
    "Specific",
    "parse_model_argument",
    "serve",
]
