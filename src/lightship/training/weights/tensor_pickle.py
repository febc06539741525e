"""Reads the pickles of PyTorch's checkpoints, which can build tensors, plain data and nothing else.

A pickle is a program. This one is never run: `pickletools` splits it into operations, and the machine here knows the
few that PyTorch writes for a `state_dict`. What it names is looked up in a table of inert stand-ins; nothing is
imported or called (`tensor_parts.py`).
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from lightship.errors import InvalidArgument, LightshipError, TooLarge
from lightship.training.weights.tensor_parts import REMEDY, Global, described, find_global, made_by, storage_of

MAX_OPERATIONS = 500_000  # a state_dict needs about 40 for each tensor
_MARK = object()


def read_pickle(stream: BytesIO, size: int) -> Any:
    """Returns what the next pickle in the stream describes: plain data, with a `TensorView` for each tensor.

    size: the bytes in the stream, which is left behind the pickle.

    Raises InvalidArgument for a pickle that is broken, or that names or does something that a `state_dict` does not
    need, and TooLarge for one with too many operations.
    """
    try:
        return _Machine(size).run(stream)
    except LightshipError:
        raise
    except Exception as error:  # a hostile pickle can make its parser raise almost any exception
        reason = str(error)[:200] or type(error).__name__
        raise InvalidArgument(f"the pickle is broken ({reason}): {REMEDY}") from error


class _Machine:
    """The stack and the memo of a pickle that is read."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: BytesIO) -> Any:
        for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MAX_OPERATIONS:
                raise TooLarge(f"the pickle has more than {MAX_OPERATIONS} operations: {REMEDY}")
            if operation.name in _PLAIN:
                self._stack.append(argument)
            elif operation.name in _CONSTANTS:
                self._stack.append(_CONSTANTS[operation.name]())
            elif operation.name in _ACTIONS:
                _ACTIONS[operation.name](self, argument)
            elif operation.name != "STOP":
                raise InvalidArgument(f"the pickle uses {operation.name}, which a state_dict does not need: {REMEDY}")
        return self._stack.pop()

    def put(self, index: int) -> None:
        if not 0 <= index <= self._size:
            raise InvalidArgument(f"the pickle remembers a value at {index}, but has only {self._size} bytes")
        self._memo[index] = self._stack[-1]

    def memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def name(self, words: str) -> None:
        self._stack.append(find_global(words.replace(" ", ".", 1)))

    def stack_name(self, _: None) -> None:
        module, name = self._take(2)
        if not isinstance(module, str) or not isinstance(name, str):  # the text of a hostile value may be endless
            raise InvalidArgument(f"the pickle names {described(module)} as a module: {REMEDY}")
        self._stack.append(find_global(f"{module}.{name}"))

    def tuple_(self, count: int) -> None:
        self._stack.append(tuple(self._take(count)))

    def marked_tuple(self, _: None) -> None:
        self._stack.append(tuple(self._take_marked()))

    def append(self, _: None) -> None:
        (value,) = self._take(1)
        self._extend([value])

    def appends(self, _: None) -> None:
        self._extend(self._take_marked())

    def set_item(self, _: None) -> None:
        self._update(self._take(2))

    def set_items(self, _: None) -> None:
        self._update(self._take_marked())

    def persistent(self, _: None) -> None:
        (identity,) = self._take(1)
        self._stack.append(storage_of(identity))

    def reduce(self, _: None) -> None:
        function, arguments = self._take(2)
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise InvalidArgument(f"the pickle calls {described(function)}, which is not a function: {REMEDY}")
        self._stack.append(made_by(function.path, arguments))

    def build(self, _: None) -> None:
        """Drops the attributes of an OrderedDict: PyTorch writes the versions of the layers there."""
        self._take(1)
        if not isinstance(self._stack[-1], dict):
            raise InvalidArgument(f"the pickle sets attributes of {described(self._stack[-1])}: {REMEDY}")

    def _take(self, count: int) -> list[Any]:
        values = self._stack[-count:]
        if len(values) < count or any(value is _MARK for value in values):
            raise InvalidArgument(f"the pickle is broken: {count} values are missing; {REMEDY}")
        del self._stack[-count:]
        return values

    def _take_marked(self) -> list[Any]:
        values: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise InvalidArgument(f"the pickle appends to {described(self._stack[-1])}: {REMEDY}")
        self._stack[-1].extend(values)

    def _update(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], dict) or len(values) % 2:
            raise InvalidArgument(f"the pickle sets items of {described(self._stack[-1])}: {REMEDY}")
        keys = values[::2]
        if not all(isinstance(key, (str, int)) for key in keys):  # a tuple in a million tuples has no hash, but a crash
            raise InvalidArgument(f"the pickle has a dictionary whose keys are not texts or whole numbers: {REMEDY}")
        self._stack[-1].update(zip(keys, values[1::2], strict=True))


# Operations whose argument is the value itself.
_PLAIN_NAMES = """
BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINSTRING BINSTRING SHORT_BINUNICODE BINUNICODE BINUNICODE8
SHORT_BINBYTES BINBYTES
"""
_PLAIN = frozenset(_PLAIN_NAMES.split())
_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "MARK": lambda: _MARK,
}
_ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, argument: None,
    "FRAME": lambda machine, argument: None,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "TUPLE1": lambda machine, argument: machine.tuple_(1),
    "TUPLE2": lambda machine, argument: machine.tuple_(2),
    "TUPLE3": lambda machine, argument: machine.tuple_(3),
    "TUPLE": _Machine.marked_tuple,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "BINPERSID": _Machine.persistent,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
