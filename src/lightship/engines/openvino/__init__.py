"""The default engine: signatures compiled by OpenVINO for this machine's CPU."""

from lightship.engines.openvino.program import OpenVINOProgram

__all__ = ["OpenVINOProgram"]
