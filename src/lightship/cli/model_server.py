"""The entry point of `lightship-model-server`, a drop-in replacement for `tensorflow_model_server`."""

from lightship.cli.entry import model_server as main

__all__ = ["main"]
