"""Finds the version folder for a folder on the command line: itself, or the newest version in it."""

from __future__ import annotations

from lightship.saved_model.version_folder import VersionFolder, find_version

__all__ = ["VersionFolder", "find_version"]
