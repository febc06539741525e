"""Declared shapes, the shapes of requests, and which of these need no further check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.openvino.runtime import openvino

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

# Small numbers of rows, for which a window or a position may be out of range, and a number that is unlikely to occur as
# a size in a model.
_TRIED_ROWS = (1, 2, 3, 1031)


@dataclass(frozen=True, slots=True)
class Declared:
    """The shapes that a model declares."""

    # By the names of the inputs. -1 is a free dimension, and None an unknown rank.
    shapes: Mapping[str, Shape | None]

    @property
    def rows_at_most(self) -> bool:
        """Whether every rank is known and only first dimensions are free."""
        return all(shape is not None and -1 not in shape[1:] for shape in self.shapes.values())

    @property
    def batched(self) -> tuple[str, ...]:
        """The inputs whose first dimension is free."""
        return tuple(name for name, shape in self.shapes.items() if shape and shape[0] == -1)

    def with_rows(self, rows: int) -> Shapes:
        """Returns the shapes for this number of rows. Valid only if `rows_at_most` is True."""
        return {name: (rows, *shape[1:]) if shape and shape[0] == -1 else shape or () for name, shape in self.items()}

    def rows_of(self, shapes: Shapes) -> int | None:
        """Returns the number of rows of all batched inputs, or None if a shape differs from the declared one."""
        rows = None
        for name, declared in self.shapes.items():
            shape = shapes[name]
            if shape == declared:
                continue
            if not declared or not shape or declared[0] != -1 or shape[1:] != declared[1:]:
                return None
            if rows is not None and rows != shape[0]:
                return None
            rows = shape[0]
        return 1 if rows is None else rows

    def generalised(self, shapes: Shapes) -> Shapes:
        """Returns the shapes of a request with free dimensions.

        A dimension is free if the declared shape has it free. For a rank other than the declared one, the first
        dimension is free.
        """
        return {name: _generalised(shapes[name], declared) for name, declared in self.items()}

    def items(self) -> Any:
        return self.shapes.items()


def declared_shapes(model: Any, inputs: Mapping[str, int]) -> Declared:
    return Declared({name: _shape(model.inputs[port].partial_shape) for name, port in inputs.items()})


def reshaped(model: Any, inputs: Mapping[str, int], shapes: Shapes) -> Any:
    """Returns a copy of the model for these shapes, which shares the weights.

    Raises RuntimeError if an operation does not accept them. `Model.reshape` would accept more: it simplifies the model
    first, so that a Reshape to [rows, 16] takes any number of elements that 16 divides, and rows change places.
    """
    ov = openvino()
    copy = model.clone()
    for name, port in inputs.items():
        copy.inputs[port].get_node().set_partial_shape(ov.PartialShape(list(shapes[name])))
    copy.validate_nodes_and_infer_types()
    return copy


def rows_are_free(
    model: Any, inputs: Mapping[str, int], declared: Declared, refused: Callable[[Any], str | None]
) -> bool:
    """Returns whether the model can run any number of rows.

    `refused` returns why a model of known shapes must not run, or None if it may. The compiled model does not check
    this: a product of a free dimension with a weight reads beyond the input if the sizes do not agree. So shapes that
    are not known to be safe are tried on the uncompiled model first.
    """
    if not declared.rows_at_most:
        return False
    try:
        tried = [reshaped(model, inputs, declared.with_rows(rows)) for rows in _TRIED_ROWS]
    except RuntimeError:
        return False
    return not any(map(refused, tried))


def _shape(partial: Any) -> Shape | None:
    if partial.rank.is_dynamic:
        return None
    return tuple(dim.get_length() if dim.is_static else -1 for dim in partial)


def _generalised(shape: Shape, declared: Shape | None) -> Shape:
    if declared is None or len(declared) != len(shape):
        return (-1, *shape[1:]) if shape else ()
    return tuple(-1 if free == -1 else size for size, free in zip(shape, declared, strict=True))
