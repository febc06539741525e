"""What helper processes do, and how far each steps back behind the server."""

from __future__ import annotations

from dataclasses import dataclass

LOWEST = 19  # the niceness


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a helper process."""

    # The function that handles a request, as module:function.
    function: str
    # By how much the helper's niceness exceeds the server's, up to the lowest priority. On a busy machine, 5 leaves it
    # a quarter of a processor. With 10 it was a tenth, and versions took minutes to load beside other work.
    niceness: int = 5
    # Whether versions answer requests meanwhile. Then what the helper made is digested at low priority.
    beside_requests: bool = False
    # Whether the helper is stopped while the server computes. Only one that works beside requests needs to be.
    pauses: bool = False
    # Whether it is stopped, too, while other helpers work.
    pauses_for_loads: bool = False
    # Whether it leaves one processor to requests, as long as it need not wait for the others.
    spares_processor: bool = False


WORK = Work("lightship.engines.openvino.trying:work")
LOW_WORK = Work("lightship.engines.openvino.trying:work", beside_requests=True, pauses=True, spares_processor=True)
BACKEND_WORK = Work("lightship.engines.backends.trying:work")
# It measures what runs cost, too, and they will have all processors.
LOW_BACKEND_WORK = Work("lightship.engines.backends.trying:work", beside_requests=True, pauses=True)
# It takes what no other process wants of the processors.
MEASURING_WORK = Work(
    "lightship.engines.openvino.measuring:work",
    niceness=LOWEST,
    beside_requests=True,
    pauses=True,
    pauses_for_loads=True,
)
