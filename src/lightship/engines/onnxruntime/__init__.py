"""The engine onnxruntime, on the CPU or on NVIDIA GPUs. It runs the ONNX files that `lightship convert` makes.

onnxruntime is imported only when a version is opened.
"""

from lightship.engines.onnxruntime.backend import OnnxRuntime, usable_gpus

__all__ = ["OnnxRuntime", "usable_gpus"]
