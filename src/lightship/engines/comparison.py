"""Compares the outputs of two runtimes, and generates random inputs for models without a sample."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import MAX_DIMENSIONS
from lightship.errors import Unimplemented
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType

Arrays = Mapping[str, NDArray[Any]]

# The allowed difference of two correct outputs of a whole model is ATOL + RTOL * |expected|.
RTOL = 1e-3
ATOL = 1e-4
# The absolute and the relative tolerance in other precisions. bf16 keeps 8 bits of the mantissa, fp16 keeps 11; errors
# add up over the layers.
_TOLERANCES = {"bf16": 0.05, "fp16": 0.02, "int8": 0.05}

# Sizes for free dimensions other than the first. If a model refuses the first size, the second one is tried. All inputs
# get the same size, because their sizes often have to agree.
FREE_SIZES = (7, 3)
# Image models need larger inputs: their strides reduce 7 pixels to nothing.
FREE_IMAGE_SIZE = 32

_NARROW = frozenset({DataType.DT_HALF, DataType.DT_BFLOAT16, DataType.DT_FLOAT8_E5M2, DataType.DT_FLOAT8_E4M3FN})

MAX_ELEMENTS = 1 << 24  # elements of one random input

_COLOURS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between two answers."""

    # The largest absolute difference of two numbers. Infinite if the outputs cannot be compared as numbers: if shapes,
    # dtypes or strings differ, or if one value is NaN.
    absolute: float
    # The absolute difference divided by the largest expected number of the same output. Infinite if the outputs cannot
    # be compared as numbers.
    relative: float
    # The first difference, such as `output "y" at [0,3] is 1.5 instead of 1.25`. None if all is equal.
    difference: str | None


def tolerance(precision: str) -> tuple[float, float]:
    """Returns the allowed differences of two results of a precision: relative to the expected value, and absolute."""
    wider = _TOLERANCES.get(precision)
    return (RTOL, ATOL) if wider is None else (wider, wider)


def random_inputs(
    signature: Signature, rows: int, rng: np.random.Generator, free: int = FREE_SIZES[0]
) -> dict[str, NDArray[Any]] | None:
    """Returns one random array per input.

    The first dimension, if free, has size `rows`; other free dimensions have size `free`, or 32 for images. Floats are
    drawn from normal(0, 1), or uniformly from [0, 1) for images. Integers are 0 or 1, which suits ids, lengths and
    masks; for uint8 images they are 0 to 255. Returns None if no input can be guessed: for strings, sparse tensors, an
    unknown rank, or more than `MAX_ELEMENTS` elements.
    """
    arrays = {}
    for name, spec in signature.inputs.items():
        array = _random_array(spec, rows, rng, free)
        if array is None:
            return None
        arrays[name] = array
    return arrays


def whole_numbers(inputs: Arrays) -> dict[str, NDArray[Any]]:
    """Returns the inputs with floats replaced by 0 and 1, for models that use floats as indices.

    Shapes and dtypes stay the same.
    """
    return {
        name: np.asarray(np.abs(array) > 0.7, array.dtype) if array.dtype.kind == "f" else array
        for name, array in inputs.items()
    }


def differences(expected: Arrays, answer: Arrays, rtol: float | None = None, atol: float | None = None) -> str | None:
    """Describes the first difference and the largest absolute difference, or returns None if the outputs match.

    See `compare` for the rules.
    """
    compared = compare(expected, answer, rtol, atol)
    if compared.difference is None:
        return None
    most = f" (differs by up to {compared.absolute:.3g})" if math.isfinite(compared.absolute) else ""
    return f"{compared.difference}{most}"


def compare(
    expected: Arrays,
    answer: Arrays,
    rtol: float | None = None,
    atol: float | None = None,
    types: Mapping[str, DataType] | None = None,
    scaled: Container[str] = (),
) -> Comparison:
    """Compares all outputs of an answer with the expected outputs.

    Names, dtypes, shapes, integers, booleans and strings must be equal. Floats may differ by `atol + rtol *
    |expected|`; the defaults are `ATOL` and `RTOL`. By default, floats of a narrower type such as half may also differ
    by two steps of that type. NaN equals NaN. `types` holds the types in which outputs were computed, if the arrays are
    wider. `scaled` holds the outputs whose numbers are sums of which large parts may cancel: where their largest number
    is above 1, `atol` is a share of it.
    """
    absolute = relative = 0.0
    found: str | None = None
    for one in _compared(expected, answer, rtol, atol, types or {}, scaled):
        absolute, relative = max(absolute, one.absolute), max(relative, one.relative)
        found = found or one.difference
    return Comparison(absolute, relative, found)


def _compared(
    expected: Arrays,
    answer: Arrays,
    rtol: float | None,
    atol: float | None,
    types: Mapping[str, DataType],
    scaled: Container[str],
) -> Iterator[Comparison]:
    for name, wanted in expected.items():
        if name not in answer:
            yield _incomparable(name, f"is missing; the outputs are {', '.join(sorted(answer)) or 'none'}")
        else:
            array, dtype = np.asarray(wanted), types.get(name, DataType.DT_INVALID)
            step = max(_step(array.dtype), _step(dtype.numpy) if dtype in _NARROW else 0.0)
            allowed = (ATOL if atol is None else atol) * (_scale(array) if name in scaled else 1.0)
            yield _compare_output(name, array, np.asarray(answer[name]), rtol, allowed, step)
    for name in answer.keys() - expected.keys():
        yield _incomparable(name, "is not expected")


def _scale(array: NDArray[Any]) -> float:
    """Returns the largest finite number of an output, but at least 1."""
    return float(np.max(np.abs(array), where=np.isfinite(array), initial=1.0))


def _compare_output(
    name: str, wanted: NDArray[Any], got: NDArray[Any], rtol: float | None, atol: float, step: float
) -> Comparison:
    """Compares one output. `step` is the distance from 1 to the next number of the type that was computed in."""
    if _kind(got) != _kind(wanted):
        return _incomparable(name, f"is {_kind(got)} instead of {_kind(wanted)}")
    if got.shape != wanted.shape:
        return _incomparable(name, f"has shape {_list(got.shape)} instead of {_list(wanted.shape)}")
    if not wanted.size:
        return Comparison(0.0, 0.0, None)
    if wanted.dtype.kind in "SUO":
        return _compare_exactly(name, _as_bytes(wanted), _as_bytes(got))
    if wanted.dtype.kind in "iub":
        return _compare_exactly(name, wanted, got)
    relative = max(RTOL, 2 * step) if rtol is None else rtol
    return _compare_floats(name, wanted, got, relative, atol)


def _compare_exactly(name: str, wanted: NDArray[Any], got: NDArray[Any]) -> Comparison:
    wrong = np.atleast_1d(got != wanted)
    if not wrong.any():
        return Comparison(0.0, 0.0, None)
    place = _first(wrong)
    reason = _reason(name, place, wanted.reshape(wrong.shape)[place], got.reshape(wrong.shape)[place], wanted.ndim)
    if wanted.dtype.kind == "O":
        return Comparison(math.inf, math.inf, reason)
    # Python integers do not overflow.
    pairs = zip(np.atleast_1d(got)[wrong].tolist(), np.atleast_1d(wanted)[wrong].tolist(), strict=True)
    absolute = float(max(abs(int(a) - int(b)) for a, b in pairs))
    largest = float(max(abs(int(wanted.min())), abs(int(wanted.max()))))
    return Comparison(absolute, absolute / largest if largest else math.inf, reason)


def _compare_floats(name: str, wanted: NDArray[Any], got: NDArray[Any], rtol: float, atol: float) -> Comparison:
    dimensions = wanted.ndim
    wanted, got = np.atleast_1d(_wide(wanted)), np.atleast_1d(_wide(got))
    equal = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    with np.errstate(invalid="ignore", over="ignore"):
        # A difference is infinite if only one of the two values is infinite or NaN.
        apart = np.where(equal, 0.0, np.nan_to_num(np.abs(got - wanted), nan=np.inf, posinf=np.inf))
        finite = np.where(np.isfinite(wanted), np.abs(wanted), 0.0)
    absolute, largest = float(apart.max()), float(finite.max())
    relative = absolute / largest if largest else (math.inf if absolute else 0.0)
    excess = apart - rtol * finite - atol
    place = np.unravel_index(int(np.argmax(excess)), excess.shape)
    found = None
    if excess[place] > 0:
        found = _reason(name, place, wanted[place], got[place], dimensions)
    return Comparison(absolute, relative, found)


def _incomparable(name: str, problem: str) -> Comparison:
    return Comparison(math.inf, math.inf, f'output "{name}" {problem}')


def _reason(name: str, place: tuple[Any, ...], wanted: Any, got: Any, dimensions: int) -> str:
    at = f" at {_list(place)}" if dimensions else ""
    return f'output "{name}"{at} is {_shown(got)} instead of {_shown(wanted)}'


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return repr(value) if len(value) <= 40 else f"{value[:40]!r}..."
    return f"{value:.7g}" if isinstance(value, (float, complex)) else str(value)


def _list(numbers: tuple[Any, ...]) -> str:
    return f"[{','.join(str(int(number)) for number in numbers)}]"


def _first(wrong: NDArray[Any]) -> tuple[Any, ...]:
    return np.unravel_index(int(np.argmax(wrong)), wrong.shape)


def _kind(array: NDArray[Any]) -> str:
    return "string" if array.dtype.kind in "SUO" else str(array.dtype)


def _as_bytes(array: NDArray[Any]) -> NDArray[Any]:
    """Returns an object array of bytes. Strings are encoded as UTF-8."""
    flat = [value.encode() if isinstance(value, str) else bytes(value) for value in array.reshape(-1).tolist()]
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(array.shape)


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _step(dtype: np.dtype[Any]) -> float:
    """Returns the distance from 1 to the next number of a float type, or 0 for any other type."""
    if dtype.kind in "fc":
        return float(np.finfo(dtype).eps)
    if dtype.kind != "V":
        return 0.0
    import ml_dtypes

    try:
        return float(ml_dtypes.finfo(dtype).eps)
    except ValueError:  # four-bit integers
        return 0.0


def _random_array(spec: TensorSpec, rows: int, rng: np.random.Generator, free: int) -> NDArray[Any] | None:
    dtype = _dtype(spec)
    if dtype is None or spec.shape is None or not spec.tensor or len(spec.shape) > MAX_DIMENSIONS:
        return None
    image = len(spec.shape) == 4 and spec.shape[-1] in _COLOURS
    inner = FREE_IMAGE_SIZE if image else free
    shape = tuple((inner if axis else rows) if size < 0 else size for axis, size in enumerate(spec.shape))
    if math.prod(shape) > MAX_ELEMENTS:
        return None
    if dtype.kind in "iu":
        return rng.integers(0, 256 if image and dtype == np.uint8 else 2, shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return np.asarray(rng.random(shape) if image else rng.standard_normal(shape)).astype(dtype)


def _dtype(spec: TensorSpec) -> np.dtype[Any] | None:
    """Returns the numpy dtype of a random input, or None for strings and for types that numpy does not have."""
    if spec.taken is DataType.DT_STRING:
        return None
    try:
        return spec.taken.numpy
    except Unimplemented:
        return None
