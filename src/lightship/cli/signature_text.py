"""Prints signatures in the format of `saved_model_cli show --all`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lightship.saved_model.signatures import Signature, TensorSpec


def signature_text(signature: Signature) -> str:
    return "\n".join(_lines(signature))


def _lines(signature: Signature) -> Iterator[str]:
    yield f"signature_def['{signature.name}']:"
    for what, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        yield f"  The given SavedModel SignatureDef contains the following {what}(s):"
        yield from _tensors(what, tensors)
    yield f"  Method name is: {signature.method_name}"


def _tensors(what: str, tensors: Mapping[str, TensorSpec]) -> Iterator[str]:
    for name, tensor in tensors.items():
        yield f"    {what}s['{name}'] tensor_info:"
        yield f"        dtype: {tensor.dtype.name}"
        yield f"        shape: {_shape(tensor.shape)}"
        yield f"        name: {tensor.tensor}"


def _shape(shape: tuple[int, ...] | None) -> str:
    """Returns a shape in that format, where a single dimension has no comma after it."""
    return "unknown_rank" if shape is None else f"({', '.join(map(str, shape))})"
