"""Other threads of the interpreter run while a large body is read, whatever it consists of."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lightship.errors import LightshipError
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.endpoints.predict_request import PredictRequest
from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.dismantle import dismantle

pytestmark = pytest.mark.skipif(
    extension.native is None, reason="there was no C compiler when the package was installed"
)
MAX_GAP = 0.5  # seconds of this process's processor time
INPUTS = {"x": TensorSpec("x", DataType.DT_FLOAT, None, "x:0")}
ATTACKS: dict[str, Callable[[], bytes]] = {
    "long numbers": lambda: b'{"instances":[' + b"0.12345678901234567890123456," * 700_000 + b"1]}",
    "numbers between two doubles": lambda: (
        b'{"instances":[' + b"9007199254740993.0000000000000000000001," * 500_000 + b"1]}"
    ),
    "one number of 20 MB": lambda: b'{"instances":[0.' + b"0" * 20_000_000 + b"1e20000000]}",
    "one integer of 20 MB": lambda: b'{"instances":[' + b"1" * 20_000_000 + b"]}",
    "NaN": lambda: b'{"instances":[' + b"NaN," * 4_000_000 + b"1]}",
    "ragged": lambda: b'{"instances":[' + b"[1,2,3]," * 500_000 + b"[1]]}",
    "ragged images": lambda: b'{"instances":[[' + b"[0.25,0.5,0.75]," * 400_000 + b"[1]],[[1,2,3]]]}",
    "empty lists": lambda: b'{"instances":[' + b"[]," * 1_000_000 + b"[]]}",
    "never closed": lambda: b'[{"":1},' * 2_000_000,
    "nested": lambda: b'{"instances":[' + b'{"":1},[],' * 400_000 + b"[]]}",
    "deep": lambda: b'{"instances":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
    "strings": lambda: b'{"instances":[' + b'"a\\nb",' * 1_000_000 + b"1]}",
    "one string of 20 MB": lambda: b'{"instances":["' + b"a\xff" * 10_000_000 + b'"]}',
    "base64 of 20 MB": lambda: b'{"instances":[{"b64":"' + b"AAAA" * 5_000_000 + b'"}]}',
    "repeated names": lambda: b'{"instances":[{' + b'"a":1,' * 400_000 + b'"a":1}]}',
    "rows of objects": lambda: b'{"instances":[' + b'{"x":[1]},' * 300_000 + b'{"x":[1,2]}]}',
}


class Ticker:
    """A thread that wants the interpreter's lock all the time, and notes the longest time that it had to wait.

    Time in which this whole process did not run does not count.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._stop = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        last = time.process_time()
        while not self._stop:
            time.sleep(0.001)
            now = time.process_time()
            self.longest, last = max(self.longest, now - last), now

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop = True
            self._thread.join()


@pytest.mark.parametrize("kind", ATTACKS)
def test_nobody_waits_for_a_body_that_is_read(kind: str) -> None:
    body, ticker = ATTACKS[kind](), Ticker()
    with ticker.running():
        started = time.thread_time()
        with contextlib.suppress(LightshipError):
            parsed = PredictRequest.parse(body)
            try:
                parsed.tensors(INPUTS)
            finally:
                dismantle(parsed.document, body)
        spent = time.thread_time() - started
    assert ticker.longest < MAX_GAP
    elements = sum(map(body.count, (b",", b"[", b"{", b'"'))) + len(body) / 16
    assert spent < 10e-6 * elements  # it takes less than 1 us an element
