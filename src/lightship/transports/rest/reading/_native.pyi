from collections.abc import Callable
from typing import Any

def read_document(
    body: bytes,
    start: int,
    max_containers: int,
    only_lists: bool,
    make_array: Callable[[bytes, int, int, bytearray, int, int, tuple[int, ...], str], Any],
    add_member: Callable[[dict[str, Any], str, Any], dict[str, Any]],
    /,
) -> tuple[Any, int, int]: ...
def find_outside(body: bytes, start: int, end: int, low: int, high: int, /) -> int: ...
def find_integer(body: bytes, start: int, end: int, /) -> int: ...
def find_index(body: bytes, start: int, end: int, index: int, /) -> int: ...
