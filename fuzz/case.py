"""One attack as plain data, so that it can be kept in a file and made again."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Ending(StrEnum):
    """What a client does when all is sent: says that it is finished, goes away, waits for the answers, or waits without
    having sent all."""

    HALF_CLOSE = "half-close"
    HANG_UP = "hang-up"
    WAIT = "wait"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Case:
    """packets: sent one after the other. statuses: those of the answers that must come, 0 where any will do, if it is
    known how many."""

    kind: str
    packets: tuple[bytes, ...]
    ending: Ending
    statuses: tuple[int, ...] | None = None

    @property
    def bytes(self) -> bytes:
        return b"".join(self.packets)


@dataclass(frozen=True, slots=True)
class Find:
    """What an oracle saw, and the cases during or shortly before which it saw it; the likeliest one is the last."""

    what: str
    cases: tuple[Case, ...]


def write_find(find: Find, file: Path) -> None:
    cases = [asdict(case) | {"packets": [base64.b64encode(p).decode() for p in case.packets]} for case in find.cases]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"what": find.what, "cases": cases}, indent=1) + "\n")


def read_find(file: Path) -> Find:
    document = json.loads(file.read_text())
    cases = [
        Case(
            entry["kind"],
            tuple(base64.b64decode(packet) for packet in entry["packets"]),
            Ending(entry["ending"]),
            None if entry["statuses"] is None else tuple(entry["statuses"]),
        )
        for entry in document["cases"]
    ]
    return Find(document["what"], tuple(cases))
