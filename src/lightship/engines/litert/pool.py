"""Interpreters of one file. Each runs one call at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from lightship.engines.litert.interpreter import Call, Interpreter, InterpreterError, Shapes
from lightship.errors import FailedPrecondition

# Memory that a run needed is kept for the next. Where the inputs have more bytes than this, it is given back.
MAX_KEPT_BYTES = 16 << 20


class Pool:
    """At most `most` interpreters, each with `threads` threads. All but the first are made when calls come at once.

    An interpreter keeps the shapes of its last run, so not more shapes are kept than there are interpreters.
    """

    def __init__(self, data: bytes, most: int, threads: int, *, reset: bool) -> None:
        """`reset`: as for `Interpreter`."""
        self._data, self._most, self._threads, self._reset = data, most, threads, reset
        self._idle: list[Interpreter] = []  # the one that was used last is at the end
        self._made = 0
        self._closed = False
        self._changed = Condition()

    def fill(self) -> None:
        """Makes the first interpreter. Raises FailedPrecondition if LiteRT does not open the file."""
        with self._changed:
            if not self._made:
                self._idle.append(self._new())
                self._made = 1

    @contextmanager
    def interpreter(self, call: Call, shapes: Shapes, size: int) -> Iterator[Interpreter]:
        """Lends an interpreter, preferably one that has these shapes. Waits until one is free.

        size: the bytes of the inputs. One that raises InterpreterError is freed.
        """
        taken, kept = self._take(call, shapes), size <= MAX_KEPT_BYTES
        try:
            yield taken
        except InterpreterError:
            kept = False
            raise
        finally:
            self._give_back(taken if kept else None)

    @contextmanager
    def ready_interpreter(self, call: Call, shapes: Shapes, seconds: float) -> Iterator[Interpreter | None]:
        """Lends an interpreter with these shapes whose last runs took less than `seconds`, or None. Never waits."""
        taken, kept = self._try_take(call, shapes, seconds), True
        try:
            yield taken
        except InterpreterError:
            kept = False
            raise
        finally:
            if taken is not None:
                self._give_back(taken if kept else None)

    def close(self) -> None:
        """Frees the interpreters. None is in use."""
        with self._changed:
            self._closed = True
            self._idle.clear()
            self._changed.notify_all()

    def _take(self, call: Call, shapes: Shapes) -> Interpreter:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._idle or self._made < self._most)
            if self._closed:
                raise FailedPrecondition("the model was unloaded")
            if self._idle:
                return self._ready(call, shapes) or self._idle.pop(0)
            self._made += 1
        try:
            return self._new()
        except BaseException:
            self._give_back(None)
            raise

    def _try_take(self, call: Call, shapes: Shapes, seconds: float) -> Interpreter | None:
        if not self._changed.acquire(blocking=False):
            return None
        try:
            found = self._ready(call, shapes)
            if found is not None and found.seconds(call) >= seconds:
                self._idle.append(found)
                return None
            return found
        finally:
            self._changed.release()

    def _ready(self, call: Call, shapes: Shapes) -> Interpreter | None:
        for index in reversed(range(len(self._idle))):
            if self._idle[index].ready_for(call, shapes):
                return self._idle.pop(index)
        return None

    def _give_back(self, interpreter: Interpreter | None) -> None:
        """Takes an interpreter back; None frees its place."""
        with self._changed:
            if interpreter is None:
                self._made -= 1
            elif not self._closed:
                self._idle.append(interpreter)
            self._changed.notify()

    def _new(self) -> Interpreter:
        return Interpreter(self._data, self._threads, reset=self._reset)
