"""`lightship docker`: models in containers."""

from lightship.cli.docker.app import app

__all__ = ["app"]
