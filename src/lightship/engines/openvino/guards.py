"""Guards: what makes operations safe in the graph, and what the host checks before and after a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.engines.openvino.facts import EXACT_INTEGER, source_of, static_shape
from lightship.engines.openvino.hazards import GuardKind, Wanted
from lightship.engines.openvino.runtime import openvino
from lightship.errors import InvalidArgument

Arrays = Mapping[str, NDArray[Any]]

_isfinite, _vdot = math.isfinite, np.vdot
_least, _most = np.minimum.reduce, np.maximum.reduce
# Up to here Python's min and max of a list take less time than numpy's: 0.5 instead of 2.3 us for 12 integers.
_FEW = 48

_CONVERSIONS = ("Convert", "ConvertLike")


@dataclass(frozen=True, slots=True)
class Guard:
    """One check of the values of one tensor.

    input: the signature's input that holds them, to be looked at before a run; else port: the model's output with them,
    to be looked at after it. node: whose operand it is, by its name in TensorFlow's graph.
    """

    kind: GuardKind
    node: str
    input: str | None = None
    port: int | None = None
    # Indices: sizes of the dimensions that they index, from the first; -1 where it is only known at run time.
    sizes: tuple[int, ...] = ()
    # Indices that are negative count from the end, as the model itself makes of them.
    wraps: bool = False
    # The model's output with the shape of what is indexed, where a size is not known before.
    shape_port: int | None = None
    axis: int = 0
    # A cast: the values that the integer type holds.
    low: float = 0.0
    high: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> Guard:
        return cls(**{**fields, "sizes": tuple(fields["sizes"])})

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds within which all values pass, whatever else they are."""
        if self.kind == "cast":
            return self.low, self.high
        if self.kind == "divisor":
            return 1.0, math.inf
        if self.kind == "finite":
            return 1.0, 0.0
        size = self.sizes[0] if self.kind == "indices" else min(self.sizes)
        return float(-size if self.wraps else 0), float(size - 1)

    def check(self, values: NDArray[Any], shape: Sequence[int] | None = None) -> None:
        """Raises InvalidArgument with TensorFlow's text for indices that point outside, CannotRun for values that
        OpenVINO treats otherwise than TensorFlow."""
        if self.kind == "finite":
            if not math.isfinite(values.flat[0]):
                raise CannotRun(f"NaN or infinity comes into {self.node}, which hides it in OpenVINO")
        elif self.kind == "cast":
            self._check_cast(values)
        elif self.kind == "divisor":
            if not values.all():
                raise InvalidArgument("Integer division by zero")
        else:
            self._check_indices(values, shape)

    def _check_cast(self, values: NDArray[Any]) -> None:
        # NaN is in no range.
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

    finite: the signature's inputs whose arrays must hold no NaN, no infinity and no huge number. integers: those whose
    integers must be at most `largest`. sizes: no input may have more elements than float32 can count.
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
        # A cast comes first: what it lets through can be looked at as indices.
        ordered = sorted(guards, key=lambda guard: guard.kind != "cast")
        self._before = tuple(guard for guard in ordered if guard.input is not None)
        self._after = tuple((guard, guard.port) for guard in ordered if guard.input is None and guard.port is not None)
        self._finite, self._integers, self._largest = tuple(finite), tuple(integers), largest
        self._sizes = sizes
        # For each input that is looked at before a run: bounds within which no guard objects.
        self._bounds = {name: (-float(largest), float(largest)) for name in integers}
        for guard in self._before:
            assert guard.input is not None
            low, high = self._bounds.get(guard.input, (-math.inf, math.inf))
            least, most = guard.bounds
            self._bounds[guard.input] = max(low, least), min(high, most)

    def before(self, arrays: Arrays) -> None:
        """Raises as `Guard.check` does, and CannotRun where an input holds NaN, infinity, or numbers too large."""
        if self._sizes and any(array.size > EXACT_INTEGER for array in arrays.values()):
            raise CannotRun(
                f"an input has more than {EXACT_INTEGER:,} elements, and the model computes with their number"
            )
        for name in self._finite:
            array = arrays[name]
            # Not only are all numbers finite then: sums over an image or a layer stay finite too.
            if not _isfinite(_vdot(array, array)):
                raise CannotRun(f'input "{name}" holds NaN, infinity or numbers beyond 1e18')
        for name, (low, high) in self._bounds.items():
            array = arrays[name]
            if array.size and not _all_within(array, low, high):
                self._look_closely(name, array)

    def _look_closely(self, name: str, array: NDArray[Any]) -> None:
        """For values that are not well inside all bounds: which guard objects, if any does."""
        if name in self._integers and not (array.min() >= -self._largest and array.max() <= self._largest):
            raise CannotRun(f'input "{name}" holds integers beyond {self._largest:,}')
        for guard in self._before:
            if guard.input == name:
                guard.check(array.astype(np.int64) if guard.kind != "cast" and array.dtype.kind == "f" else array)

    def after(self, result: Any) -> None:
        """result: gives an output's array by its port. Raises as `Guard.check` does."""
        for guard, port in self._after:
            shape = result(guard.shape_port) if guard.shape_port is not None else None
            guard.check(result(port), shape)


def _all_within(array: NDArray[Any], low: float, high: float) -> bool:
    """Whether low <= value <= high for all values, of which there is one at least; NaN is outside."""
    if array.size > _FEW:
        return bool(low <= _least(array, axis=None).item() and _most(array, axis=None).item() <= high)
    values = array.ravel().tolist()
    if array.dtype.kind == "f":
        return all([low <= value <= high for value in values])
    return bool(low <= min(values) and max(values) <= high)


def insert(model: Any, wanted: Sequence[Wanted], inputs: Mapping[str, str]) -> list[Guard]:
    """Puts the guards into a model: clamps where indices could point outside, and outputs for what is to be looked at.

    inputs: the signature's inputs by the names of the model's parameter nodes. Raises CannotRun where a tensor is too
    large for its indices to be clamped.
    """
    guards = (_INSERT[one.kind](model, one, inputs) for one in wanted)
    # Two operations may look at the same input: its values are looked at once.
    return list({(guard.kind, guard.input, guard.port, guard.sizes): guard for guard in guards}.values())


def _indices(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    node, size = one.node, _size(one.node)
    name = _input_behind(node.input(one.operand).get_source_output(), inputs)
    label = node.get_friendly_name()
    if size is not None and name is not None:
        return Guard("indices", label, input=name, sizes=(size,))
    indices = node.input(one.operand).get_source_output()
    wrapped = _input_behind(_before_wrapping(indices, size), inputs) if size is not None else None
    if size is not None and wrapped is not None:
        return Guard("indices", label, input=wrapped, sizes=(size,), wraps=True)
    axis = int(source_of(node, 2).data.reshape(()))
    opset = _opset()
    if size is not None:
        last = opset.constant(np.asarray(size - 1, _dtype(indices)))
        return Guard("indices", label, port=_clamped(model, node, one.operand, last), sizes=(size,))
    shape = opset.shape_of(node.input(0).get_source_output(), indices.get_element_type().get_type_name())
    one_less = opset.subtract(shape, opset.constant(np.asarray([1], _dtype(indices))))
    last = opset.gather(one_less, opset.constant(np.int32(axis)), opset.constant(np.int32(0)))
    port = _clamped(model, node, one.operand, last)
    return Guard("indices", label, port=port, shape_port=_exposed(model, shape.output(0)), axis=axis)


def _before_wrapping(output: Any, size: int) -> Any:
    """The indices of which negative ones get the size added, as Keras' embeddings do; the output itself for others."""
    node = output.get_node()
    if node.get_type_name() != "Select":
        return output
    sign, moved, as_they_are = (node.input(index).get_source_output() for index in range(3))
    is_sign = sign.get_node().get_type_name() == "Less" and moved.get_node().get_type_name() == "Add"
    if not is_sign or any(one.get_node().input(0).get_source_output() != as_they_are for one in (sign, moved)):
        return output
    zero, added = source_of(sign.get_node(), 1), source_of(moved.get_node(), 1)
    constants = all(one.get_type_name() == "Constant" and one.data.size == 1 for one in (zero, added))
    return as_they_are if constants and zero.data.item() == 0 and added.data.item() == size else output


def _positions(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    node, opset, label = one.node, _opset(), one.node.get_friendly_name()
    indices = node.input(one.operand).get_source_output()
    shape, width = static_shape(node.input(0)), indices.get_partial_shape()[-1]
    if shape is None or width.is_dynamic or max(shape, default=0) > EXACT_INTEGER:
        raise CannotRun(f"gather_nd of a tensor whose shape is not known ({label})")
    name = _input_behind(indices, inputs)
    if name is not None:
        return Guard("positions", label, input=name, sizes=shape)
    last = opset.constant(np.asarray(shape[: width.get_length()], _dtype(indices)) - 1)
    return Guard("positions", label, port=_clamped(model, node, one.operand, last), sizes=shape)


def _divisor(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    source, opset = one.node.input(one.operand).get_source_output(), _opset()
    name, label = _input_behind(source, inputs), one.node.get_friendly_name()
    if name is not None:
        return Guard("divisor", label, input=name)
    kind = _dtype(source)
    is_zero = opset.equal(source, opset.constant(np.asarray(0, kind)))
    safe = opset.select(is_zero, opset.constant(np.asarray(1, kind)), source)
    one.node.input(one.operand).replace_source_output(safe.output(0))
    return Guard("divisor", label, port=_exposed(model, source))


def _cast(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    source = one.node.input(one.operand).get_source_output()
    name, label = inputs.get(source.get_node().get_name()), one.node.get_friendly_name()
    if name is not None:
        return Guard("cast", label, input=name, low=one.low, high=one.high)
    return Guard("cast", label, port=_exposed(model, source), low=one.low, high=one.high)


def _finite(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    """The sum of the magnitudes, which is finite if and only if all are (or nearly beyond float32)."""
    source, opset = one.node.input(one.operand).get_source_output(), _opset()
    rank = source.get_partial_shape().rank
    if rank.is_dynamic:
        raise CannotRun(f"{one.node.get_friendly_name()} may hide NaN, and its rank is not known")
    axes = opset.constant(np.arange(rank.get_length(), dtype=np.int32))
    total = opset.reduce_sum(opset.absolute(source), axes, False)
    return Guard("finite", one.node.get_friendly_name(), port=_exposed(model, total.output(0)))


_INSERT = {"indices": _indices, "positions": _positions, "divisor": _divisor, "cast": _cast, "finite": _finite}


def _clamped(model: Any, node: Any, operand: int, last: Any) -> int:
    """Puts a clamp to 0..last before an operand; the port of a new output with what comes into it."""
    source, opset = node.input(operand).get_source_output(), _opset()
    zero = opset.constant(np.asarray(0, _dtype(source)))
    clamped = opset.maximum(opset.minimum(source, last), zero)
    node.input(operand).replace_source_output(clamped.output(0))
    return _exposed(model, source)


def _exposed(model: Any, output: Any) -> int:
    model.add_outputs([output])
    return len(model.outputs) - 1


def _input_behind(output: Any, inputs: Mapping[str, str]) -> str | None:
    """The signature's input that a tensor holds as it is, or cast from one type to another; None for any other."""
    node = output.get_node()
    while node.get_type_name() in _CONVERSIONS:
        node = source_of(node, 0)
    return inputs.get(node.get_name())


def _size(node: Any) -> int | None:
    """The size of the dimension that a Gather indexes. Raises CannotRun for one that a clamp cannot hold."""
    partial = node.get_input_partial_shape(0)
    axis = source_of(node, 2)
    if partial.rank.is_dynamic or axis.get_type_name() != "Constant":
        raise CannotRun(f"gather from a tensor whose rank is not known ({node.get_friendly_name()})")
    dimension = partial[int(axis.data.reshape(()))]
    if dimension.is_dynamic:
        return None
    size: int = dimension.get_length()
    if size > EXACT_INTEGER:
        raise CannotRun(f"gather from more than {EXACT_INTEGER:,} rows ({node.get_friendly_name()})")
    return size


def _dtype(output: Any) -> Any:
    return output.get_element_type().to_dtype()


def _opset() -> Any:
    return openvino().opset13
