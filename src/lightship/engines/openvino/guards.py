"""Guards: the checks that the server makes before and after a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.engines.finite import require_finite
from lightship.engines.openvino.facts import EXACT_INTEGER
from lightship.engines.openvino.known import UNDECIDED
from lightship.engines.openvino.wanted import GuardKind
from lightship.errors import InvalidArgument

Arrays = Mapping[str, NDArray[Any]]

_least, _most = np.minimum.reduce, np.maximum.reduce
# Up to this size, Python's min and max of a list are faster than numpy's: 0.5 us instead of 2.3 us for 12 integers.
_FEW = 48
# These guards check the integers that the model makes of an input: a float input used as indices is cast first.
_OF_INTEGERS = ("indices", "positions", "divisor")


@dataclass(frozen=True, slots=True)
class Guard:
    """One check of the values of one tensor."""

    # What is checked.
    kind: GuardKind
    # The name in TensorFlow's graph of the node that takes the tensor as an operand.
    node: str
    # The signature's input that holds the values; they are checked before a run. None if `port` is set.
    input: str | None = None
    # The model's output that holds the values; they are checked after a run. None if `input` is set.
    port: int | None = None
    # For indices: the sizes of the dimensions that they index, from the first. -1 if a size is known only at run time.
    sizes: tuple[int, ...] = ()
    # Whether negative indices count from the end, because the model adds the size to them.
    wraps: bool = False
    # The model's output that holds the shape of the indexed tensor, if a size is unknown before a run.
    shape_port: int | None = None
    axis: int = 0
    # For "cast": the bounds of the integer type. For "large": `high` is the largest allowed magnitude.
    low: float = 0.0
    high: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> Guard:
        return cls(**{**fields, "sizes": tuple(fields["sizes"])})

    @property
    def bounds(self) -> tuple[float, float]:
        """Values within these bounds always pass this guard."""
        if self.kind == "cast":
            return self.low, self.high
        if self.kind == "divisor":
            return 1.0, math.inf
        if self.kind in ("finite", "zero", "large", "tie"):
            return 1.0, 0.0
        size = self.sizes[0] if self.kind == "indices" else min(self.sizes)
        return float(-size if self.wraps else 0), float(size - 1)

    def check(self, values: NDArray[Any], shape: Sequence[int] | None = None) -> None:
        """Checks the values.

        Raises InvalidArgument with TensorFlow's text for indices that are out of range, and CannotRun for values that
        OpenVINO treats differently from TensorFlow.
        """
        if self.kind == "finite":
            if not math.isfinite(values.flat[0]):
                raise CannotRun(f"NaN or infinity comes into {self.node}, which hides it in OpenVINO")
        elif self.kind == "large":
            if not values <= self.high:
                raise CannotRun(f"{self.node} of numbers beyond {self.high:g} depends on their last bits")
        elif self.kind == "tie":
            if values < UNDECIDED:
                raise CannotRun(f"{self.node} gets a number so near to its next step that the last bits decide")
        elif self.kind == "zero":
            if not values.all():
                raise CannotRun(f"{self.node} divides by 0, whose sign OpenVINO does not keep")
        elif self.kind == "cast":
            self._check_cast(values)
        elif self.kind == "divisor":
            if not values.all():
                raise InvalidArgument("Integer division by zero")
        else:
            self._check_indices(values, shape)

    def _check_cast(self, values: NDArray[Any]) -> None:
        # This condition is also false for NaN.
        if values.size and not (values.min() > self.low - 1 and values.max() < self.high + 1):
            raise CannotRun(f"{self.node} casts values that its integer type does not hold")

    def _check_indices(self, values: NDArray[Any], shape: Sequence[int] | None) -> None:
        if not values.size:
            return
        sizes = self.sizes if shape is None else tuple(int(size) for size in shape)
        if self.kind == "positions":
            _check_positions(values, sizes, self.node)
            return
        size = sizes[0] if shape is None else sizes[self.axis]
        if self.wraps and values.min() < 0:
            values = np.where(values < 0, values + values.dtype.type(size), values)
        if values.min() < 0 or values.max() >= size:
            wrong = np.argwhere((values < 0) | (values >= size))[0]
            place = f"[{','.join(map(str, wrong))}]" if values.ndim else ""
            raise InvalidArgument(f"indices{place} = {int(values[tuple(wrong)])} is not in [0, {size})")


def _check_positions(values: NDArray[Any], sizes: Sequence[int], node: str) -> None:
    limits = np.asarray(sizes[: values.shape[-1]])
    outside = ((values < 0) | (values >= limits)).any(-1)
    if outside.any():
        wrong = tuple(np.argwhere(outside)[0])
        place = f"[{','.join(map(str, wrong))}]" if wrong else ""
        found, shape = ", ".join(map(str, values[wrong].tolist())), ",".join(map(str, sizes))
        raise InvalidArgument(
            f"indices{place} = [{found}] does not index into param shape [{shape}], node name: {node}"
        )


class Guards:
    """The guards of one compiled model.

    `finite` names the inputs that must not contain NaN, infinity or very large numbers. `integers` names the inputs
    whose integers must have a magnitude of at most `largest`. `sizes` means that no input may have more elements than
    float32 can count.
    """

    __slots__ = ("_after", "_before", "_bounds", "_finite", "_integers", "_largest", "_sizes")

    def __init__(
        self,
        guards: Sequence[Guard] = (),
        finite: Sequence[str] = (),
        integers: Sequence[str] = (),
        largest: int = 0,
        sizes: bool = False,
    ) -> None:
        # Casts are checked first, so that the values are valid integers when they are checked as indices.
        ordered = sorted(guards, key=lambda guard: guard.kind != "cast")
        self._before = tuple(guard for guard in ordered if guard.input is not None)
        self._after = tuple((guard, guard.port) for guard in ordered if guard.input is None and guard.port is not None)
        self._finite, self._integers, self._largest = tuple(finite), tuple(integers), largest
        self._sizes = sizes
        # For each input that is checked before a run: the bounds within which every guard accepts the values.
        self._bounds = {name: (-float(largest), float(largest)) for name in integers}
        for guard in self._before:
            assert guard.input is not None
            low, high = self._bounds.get(guard.input, (-math.inf, math.inf))
            least, most = guard.bounds
            self._bounds[guard.input] = max(low, least), min(high, most)

    def before(self, arrays: Arrays) -> None:
        """Checks the inputs before a run.

        Raises the errors of `Guard.check`, and CannotRun if an input contains NaN, infinity, or numbers that are too
        large.
        """
        if self._sizes and any(array.size > EXACT_INTEGER for array in arrays.values()):
            raise CannotRun(
                f"an input has more than {EXACT_INTEGER:,} elements, and the model computes with their number"
            )
        if self._finite:
            require_finite(arrays, self._finite)
        for name, (low, high) in self._bounds.items():
            array = arrays[name]
            if array.size and not _all_within(array, low, high):
                self._look_closely(name, array)

    def _look_closely(self, name: str, array: NDArray[Any]) -> None:
        """Checks each guard of an input whose values are not all within the common bounds."""
        if name in self._integers and not (array.min() >= -self._largest and array.max() <= self._largest):
            raise CannotRun(f'input "{name}" holds integers beyond {self._largest:,}')
        for guard in self._before:
            if guard.input == name:
                is_cast = guard.kind in _OF_INTEGERS and array.dtype.kind == "f"
                guard.check(array.astype(np.int64) if is_cast else array)

    def after(self, result: Any) -> None:
        """Checks the outputs after a run. `result` returns an output's array by its port.

        Raises the errors of `Guard.check`.
        """
        for guard, port in self._after:
            shape = result(guard.shape_port) if guard.shape_port is not None else None
            guard.check(result(port), shape)


def _all_within(array: NDArray[Any], low: float, high: float) -> bool:
    """Returns whether low <= value <= high for all values. The array must not be empty. NaN is out of bounds."""
    if array.size > _FEW:
        return bool(low <= _least(array, axis=None).item() and _most(array, axis=None).item() <= high)
    values = array.ravel().tolist()
    if array.dtype.kind == "f":
        return all([low <= value <= high for value in values])
    return bool(low <= min(values) and max(values) <= high)
