"""`lightship docker`: serves models from containers."""

from lightship.cli.docker.app import app

__all__ = ["app"]
