"""What writes lines and makes ids, in C and in Python: both must give the same bytes."""

from __future__ import annotations

import gc
import random
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from lightship.transports.access_log import extension
from lightship.transports.access_log.writing import MembersInPython, id_maker, write_line_in_python

FORM = tuple(b"abcdefghi"[at : at + 1] + b"=" for at in range(9)) + (b"\n",)
TIMES = [0.0, -0.0, 1e-9, 9.99999e-7, 1e-6, 0.000123456, 0.0125, 1.0, 59.9999999, 1e6, 1e9, 1e12, -1.0]
TIMES += [float("inf"), float("-inf"), float("nan"), 5e-324, 1.7e308]

native: Any = extension.native
WRITERS: list[Any] = [write_line_in_python] if native is None else [write_line_in_python, native.write_line]
MEMBERS: list[Any] = [MembersInPython] if native is None else [MembersInPython, native.Members]
needs_native = pytest.mark.skipif(native is None, reason="the C extension was not built")


def shared(**other: Any) -> tuple[Any, ...]:
    values = {"moment": b"T ", "what": b" GET /", "ended": 10.0, "decode": 0.001, "run": 0.002, "encode": 0.003}
    return (FORM, *(values | other).values())


@pytest.mark.parametrize("write", WRITERS)
def test_a_line_has_all_parts_in_their_order(write: Any) -> None:
    line = write(*shared(), (b"c", 9.9, 9.95, 3, 1 << 60, b"ID"))
    assert line == b"T c GET /a=3b=1152921504606846976c=99.999d=49.999e=44.000f=1.000g=2.000h=3.000i=ID\n"


@pytest.mark.parametrize("make", MEMBERS)
def test_requests_that_are_answered_together_have_ids_and_lines_of_their_own(make: Any) -> None:
    members = make(b"Id: ", b"\r\n")
    sent = [members.add(b"c%d" % number, 9.0, 9.0, number, 2 * number) for number in range(100)]
    assert len(members) == 100
    found = [re.fullmatch(rb"Id: ([0-9a-f]{32})\r\n", one) for one in sent]
    ids = [one[1] for one in found if one is not None]
    assert len(set(ids)) == 100
    expected = [
        write_line_in_python(*shared(), (b"c%d" % number, 9.0, 9.0, number, 2 * number, ids[number]))
        for number in range(100)
    ]
    assert members.lines(*shared()) == b"".join(expected)
    assert make(b"", b"").lines(*shared()) == b""


@pytest.mark.parametrize("make", MEMBERS)
def test_lines_of_requests_that_are_alike_differ_in_their_ids_only(make: Any) -> None:
    one, later, larger = (b"c", 9.0, 9.25, 3, 40), (b"c", 9.0, 9.5, 3, 40), (b"c", 9.0, 9.5, 3, 40_000)
    added: list[Any] = [
        one,
        one,
        later,
        later,
        one,
        larger,
        larger,
        (b"other", *one[1:]),
        one,
        (b"c", float("nan"), *one[2:]),
    ] * 2
    members = make(b"", b"")
    write: Any = write_line_in_python
    expected = [write(*shared(), (*each, members.add(*each))) for each in added]
    assert members.lines(*shared()) == b"".join(expected)
    assert len(set(expected)) == len(added)


@needs_native
def test_both_write_the_same() -> None:
    chance = random.Random(7)

    def some(number: int) -> bytes:
        return chance.randbytes(chance.randrange(number))

    for _ in range(20_000):
        form = tuple(some(20) for _ in range(10))
        common = (form, some(50), some(2000), *(chance.choice(TIMES) * chance.random() for _ in range(4)))
        size, begun = 1 << chance.randrange(64), chance.choice(TIMES)
        received = chance.choice([begun, begun + chance.random(), chance.choice(TIMES)])
        own = (some(100), begun, received, chance.randrange(size), chance.randrange(size), some(200))
        assert native.write_line(*common, own) == write_line_in_python(*common, own)


@needs_native
def test_ids_of_other_processes_are_others() -> None:
    code = "from lightship.transports.access_log.writing import new_members\nm = new_members(b'', b'')\n"
    code += "print(*[m.add(b'', 0.0, 0.0, 0, 0).decode() for _ in range(1000)])"
    found = [subprocess.check_output([sys.executable, "-c", code], text=True).split() for _ in range(2)]
    assert len({*found[0], *found[1]}) == 2000


OWN = (b"c", 1.0, 1.0, 1, 1, b"i")
WRONG_COMMON: list[tuple[Any, ...]] = [
    (),
    shared()[:-1],
    (FORM[:-1], *shared()[1:]),
    (list(FORM), *shared()[1:]),
    ((*FORM[:-1], "end"), *shared()[1:]),
    ((None, *FORM[1:]), *shared()[1:]),
    shared(moment="T"),
    shared(what=bytearray(b"x")),
    shared(ended=1),
    shared(encode=None),
]
WRONG_OWN: list[Any] = [
    *(None, (), OWN[:-1], (*OWN, 1), list(OWN)),
    *(("c", *OWN[1:]), (*OWN[:1], 1, *OWN[2:]), (*OWN[:2], None, *OWN[3:]), (*OWN[:3], -1, *OWN[4:])),
    *((*OWN[:3], 1 << 64, *OWN[4:]), (*OWN[:4], 1.5, OWN[5]), (*OWN[:5], "i")),
]


@needs_native
@pytest.mark.parametrize("common", WRONG_COMMON)
def test_wrong_values_of_all_are_refused(common: tuple[Any, ...]) -> None:
    members = native.Members(b"", b"")
    members.add(*OWN[:5])
    with pytest.raises(TypeError):
        native.write_line(*common, OWN)
    with pytest.raises(TypeError):
        members.lines(*common)


@needs_native
@pytest.mark.parametrize("own", WRONG_OWN)
def test_wrong_values_of_a_request_are_refused(own: Any) -> None:
    with pytest.raises((TypeError, OverflowError)):
        native.write_line(*shared(), own)
    members = native.Members(b"", b"")
    if isinstance(own, tuple) and own[:5] != OWN[:5]:
        with pytest.raises((TypeError, OverflowError)):
            members.add(*own[:5])
    assert len(members) == 0


@needs_native
@pytest.mark.parametrize("arguments", [(), (b"",), (b"", ""), ("", b""), (b"", b"", b"")])
def test_members_need_what_stands_around_their_ids(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        native.Members(*arguments)
    with pytest.raises(TypeError):
        native.Members(before=b"", after=b"")


@needs_native
@pytest.mark.parametrize("arguments", [(), (b"",), (b"", ""), ("", b""), (b"", b"", b"")])
def test_an_id_needs_what_stands_around_it(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        native.make_id(*arguments)


def test_ids_are_made_one_by_one_too() -> None:
    make = id_maker(b"Id: ", b"\r\n")
    made = [make() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(rb"Id: [0-9a-f]{32}\r\n", one) for one in made)


@needs_native
@pytest.mark.parametrize("seed", [b"", b"x" * 15, b"x" * 17, "x" * 16, None])
def test_a_seed_has_sixteen_bytes(seed: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        native.seed_ids(seed)


def use(make: Callable[..., Any]) -> None:
    members = make(b"Id: ", b"\r\n")
    for number in range(200):
        members.add(b"client %d" % number, 9.0, 9.0, 1, 1)
    members.lines(*shared())
    WRITERS[-1](*shared(), (b"client", *OWN[1:]))


@needs_native
def test_nothing_is_left_of_members_that_are_no_longer_used() -> None:
    use(native.Members)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(200):
            use(native.Members)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 100_000  # a leak of one client each would be a megabyte
    finally:
        tracemalloc.stop()
