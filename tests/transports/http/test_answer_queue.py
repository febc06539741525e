"""The queues of work that all connections share."""

from __future__ import annotations

import asyncio

from lightship.transports.http.answer_queue import AnswerQueue
from lightship.transports.turn import Turn


class Connection:
    def __init__(self, parsed: list[str], name: str) -> None:
        self._parsed, self._name = parsed, name

    def parse_more(self) -> None:
        self._parsed.append(self._name)
        if self._name == "faulty":
            raise ZeroDivisionError

    def answer(self) -> None: ...

    def answer_late(self) -> None: ...

    def deliver(self) -> None: ...


def test_an_error_while_one_connection_parses_does_not_stop_the_others() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        queue = AnswerQueue(loop, Turn())
        for name in ("faulty", "second", "third"):
            queue.parse_later(Connection(parsed, name))
        async with asyncio.timeout(60):
            while queue.parsing:
                await asyncio.sleep(0)

    parsed: list[str] = []
    errors: list[BaseException] = []
    asyncio.run(run())
    assert parsed == ["faulty", "second", "third"]
    assert [type(error) for error in errors] == [ZeroDivisionError]
