"""An ask: a small graph saved as a model, and the inputs that it is asked with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The name of a dtype, and a shape, in which "B" stands for the batch; None for an unknown rank.
Spec = tuple[str, list[int | None | str] | None]


@dataclass(frozen=True, slots=True)
class Call:
    """Inputs of one call. says: what the text of TensorFlow's refusal holds, and ours must."""

    inputs: Mapping[str, NDArray[Any]]
    says: str = ""
    signature: str = "serving_default"

    def __str__(self) -> str:
        texts = (f"{name}={np.array2string(array, threshold=8)}" for name, array in self.inputs.items())
        return ", ".join(texts).replace("\n", "")[:200]


@dataclass(frozen=True, slots=True)
class Ask:
    """function: takes TensorFlow, the variables and the inputs in their order. save: writes the model instead."""

    name: str
    function: Callable[..., Any] | None
    inputs: Mapping[str, Spec]
    calls: tuple[Call, ...]
    variables: tuple[NDArray[Any], ...] = ()
    save: Callable[[Path], None] | None = field(default=None)


def call(says: str = "", /, **inputs: Any) -> Call:
    return Call({name: np.asarray(value) for name, value in inputs.items()}, says)


def ask(
    name: str,
    function: Callable[..., Any],
    inputs: Mapping[str, Spec],
    calls: Iterable[Call],
    variables: Iterable[NDArray[Any]] = (),
) -> Ask:
    return Ask(name, function, inputs, tuple(calls), tuple(variables))


def batches(
    name: str,
    function: Callable[..., Any],
    inputs: Mapping[str, Spec],
    calls: Iterable[Call],
    variables: Iterable[NDArray[Any]] = (),
    sizes: Iterable[int | None] = (None, 1, 2),
) -> list[Ask]:
    """The ask with a free batch and with static ones; each is asked only with what it declares."""
    whole = ask(name, function, inputs, calls, variables)
    return [_of_batch(whole, size) for size in sizes]


def _of_batch(whole: Ask, size: int | None) -> Ask:
    inputs: dict[str, Spec] = {
        name: (dtype, None if shape is None else [size if length == "B" else length for length in shape])
        for name, (dtype, shape) in whole.inputs.items()
    }
    calls = tuple(call for call in whole.calls if _conforms(call, inputs))
    assert calls, f"{whole.name} has no call with a batch of {size}"
    return replace(whole, name=f"{whole.name}_{'free' if size is None else size}", inputs=inputs, calls=calls)


def _conforms(call: Call, inputs: Mapping[str, Spec]) -> bool:
    return all(_matches(array.shape, inputs[name][1]) for name, array in call.inputs.items())


def _matches(shape: tuple[int, ...], declared: list[int | None | str] | None) -> bool:
    if declared is None:
        return True
    return len(shape) == len(declared) and all(
        size in (None, found) for size, found in zip(declared, shape, strict=True)
    )


def f32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def i32(values: Any) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)


def i64(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, np.int64)


def normal(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    """Different rows, without ties."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
