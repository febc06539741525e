"""Answers with a model that is loaded in this process, without a server or a port."""

from lightship.local.loading import load
from lightship.local.model import LocalModel

__all__ = ["LocalModel", "load"]
