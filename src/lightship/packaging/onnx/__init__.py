"""Makes ONNX files from a version's SavedModel, for the engine onnxruntime."""

from lightship.packaging.onnx.converting import Conversion, convert_to_onnx, require_onnx
from lightship.packaging.onnx.publishing import add_onnx, add_onnx_to_new

__all__ = ["Conversion", "add_onnx", "add_onnx_to_new", "convert_to_onnx", "require_onnx"]
