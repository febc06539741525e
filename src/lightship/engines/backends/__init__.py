"""Backends: engines beside OpenVINO and TensorFlow, built in or of installed packages."""

from lightship.engines.backends.registry import BUILT_IN, check_engine, engine_names
from lightship.engines.backends.tried import OpenedVersion, TriedProgram

__all__ = ["BUILT_IN", "OpenedVersion", "TriedProgram", "check_engine", "engine_names"]
