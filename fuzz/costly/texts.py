"""Bodies of JSON, right and wrong, that are long, or that a few bytes of gzip make long."""

from __future__ import annotations

from random import Random

from benchmarks.attacks.payloads import MEGABYTE, Text

PATHS = ("/v1/models/half_plus_two:predict", "/v1/models/convolution:predict", "/v1/models/mixed:predict")
_SIZES = (1_000, 70_000, MEGABYTE, 5 * MEGABYTE, 20 * MEGABYTE)
_LONG_SIZES = (MEGABYTE, 50 * MEGABYTE, 300 * MEGABYTE, 1000 * MEGABYTE)
_HEADS = (b'{"instances": [', b'{"inputs": [', b'{"instances": [[', b'{"inputs": {"x": [', b"[", b'{"examples": [')
_TAILS = (b"1.0]}", b"[1.0]]}", b"1]]}", b"1]}}", b"", b"]", b"}", b"1.0", b"\xff", b"\x00")


def drawn_text(random: Random, *, packed: bool) -> Text:
    """packed: whether it is sent as a gzip, and so may be far longer."""
    block = random.choice(_BLOCKS)(random)
    wanted = random.choice(_LONG_SIZES if packed and random.random() < 0.4 else _SIZES)
    while len(block) < min(wanted, 100_000):
        block *= 2
    return Text(random.choice(_HEADS), block, max(1, wanted // len(block)), random.choice(_TAILS))


def _long_numbers(random: Random) -> bytes:
    return b"".join(_number(random) + b"," for _ in range(random.choice((1, 40, 1000))))


def _number(random: Random) -> bytes:
    digits = "".join(random.choices("0123456789", k=random.choice((1, 17, 19, 20, 25, 40, 400, 5000)))) or "1"
    point = random.randrange(len(digits) + 1) if random.random() < 0.7 else len(digits)
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:]
    exponent = random.choice(("", "", "e-30", "e-300", "e-5000", "E+9", "e25"))
    sign = random.choice(("", "-"))
    return f"{sign}{whole}{'.' + fraction if fraction else ''}{exponent}".encode()


def _rows(random: Random) -> bytes:
    """Lists of lists, even or ragged."""
    sizes = random.choice(((1,), (4,), (1, 2), (3, 3, 4), (0, 1)))
    row = b"".join(b"[" + b",".join(_number(random) for _ in range(size)) + b"]," for size in sizes)
    return row * random.choice((1, 100))


def _words(random: Random) -> bytes:
    return random.choice((b"NaN,", b"1,NaN,", b"Infinity,-Infinity,", b"true,", b"null,", b"1,true,", b"nul,", b"1 2,"))


def _spaces(random: Random) -> bytes:
    return random.choice((b" ", b"\n", b" \t\r\n", b"  1,"))


def _nested(random: Random) -> bytes:
    return random.choice((b"[", b"[[1],", b'{"x":', b'[{"":1},', b'{"":[', b"[],", b"{},", b"[[]],", b'[{"a":{}},'))


def _objects(random: Random) -> bytes:
    names = [f'"{"k" * random.choice((1, 1, 300))}{n}"' for n in range(random.choice((1, 3, 200)))]
    return ("{" + ",".join(f"{name}:{random.choice(('1', '[1]', '{}'))}" for name in names) + "},").encode()


def _strings(random: Random) -> bytes:
    piece = random.choice((b"a", b"\\u0041", b"\\ud83d\\ude00", b"\\ud800", b"\xc3\xa9", b"\xff", b"\\q", b"AAAA"))
    return random.choice((b'"%b",', b'{"b64":"%b"},', b'"%b":')) % (piece * random.choice((0, 3, 1000)))


def _noise(random: Random) -> bytes:
    return bytes(random.choices(b'[]{},:"0123456789.eE-+ntf \\', k=random.choice((3, 50, 3000))))


_BLOCKS = (
    *(_long_numbers, _long_numbers, _rows, _rows, _words, _spaces, _nested, _nested, _objects, _strings, _noise),
)
