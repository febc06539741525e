"""The default engine, which runs signatures that OpenVINO compiled for this machine's CPU."""

from lightship.engines.openvino.program import OpenVINOProgram

__all__ = ["OpenVINOProgram"]
