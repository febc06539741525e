"""JSON documents that are nearly right: trees that know their text, mutated by the grammar."""

from __future__ import annotations

import json
from random import Random
from typing import Any

# A value is its text; a list is a list of values; an object is a tuple of (name as text, value) pairs.
Node = str | list[Any] | tuple[Any, ...]

LEAVES = (
    *("0", "-0", "1", "-1", "2.5", "1.0", "1e2", "1e308", "1e309", "-1e400", "1e-400", "1E+5"),
    *("1e99999999999999999999", "1e-99999999999999999999", "2147483647", "2147483648", "-2147483649"),
    *("9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "16777217"),
    *("0.1", "5e-324", "3.4028236e38", "1e", "1.", ".5", "+1", "01", "--1", "0x10", "1_000", "1e+", "NaN", "-NaN"),
    *("nan", "Infinity", "-Infinity", "Inf", "-Inf", "inf", "true", "false", "null", "True", "nul", "tru", '""'),
    *('"a"', '"\\u0000"', '"\\ud800"', '"\\udc00"', '"\\ud83d\\ude00"', '"\\u12G4"', '"\\q"', '"\\', '"', '"é"'),
    *('"\x01"', '"\x7f"', "'a'", "[]", "{}", "[[]]", "[[],[]]", "[{}]", "{", "[", "]", '{"b64":""}'),
    *('{"b64":"AQ=="}', '{"b64":"AQ"}', '{"b64":"A"}', '{"b64":"_-=="}', '{"b64":1}', '{"b64":"AQ==","b64":"Ag=="}'),
    *('{"b64":"AQ==","x":1}', "/**/1", "1//", "", " ", "-", "9" * 400, "0." + "1" * 400, "1" + "0" * 310),
    *("1e-" + "0" * 30 + "1",),
)  # fmt: skip
NAMES = (
    *("instances", "inputs", "examples", "context", "signature_name", "x", "i", "s", "b", "f", "a", "b64", ""),
    *("error", "serving_default", "\\u0000", "predictions", "outputs", "y"),
)  # fmt: skip
SIGNATURES = (
    *("serving_default", "classify_x_to_y", "regress_x_to_y", "free", "product", "rows", "sum", "echo", "small"),
    *("numbers", "image", "images", "classify", "raw", "probabilities", "__saved_model_init_op", "", "nope"),
    *("\\u0000", "é"),
)  # fmt: skip


def tree(value: object) -> Node:
    if isinstance(value, dict):
        return tuple((json.dumps(name), tree(member)) for name, member in value.items())
    if isinstance(value, list):
        return [tree(member) for member in value]
    return json.dumps(value)


def mutated_document(rng: Random, document: object) -> bytes:
    """The document after some mutations by the grammar, and sometimes some of its bytes."""
    node = tree(document)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 6))):
        node = _mutated(rng, node)
    text = _text(rng, node, rng.choice(("", "", " ", "\n\t ", "\r")))
    body = text.encode("utf-8", "surrogatepass")
    return _dirtied(rng, body) if rng.random() < 0.1 else body


def _text(rng: Random, node: Node, space: str) -> str:
    """Without recursion, since trees may be deep."""
    out: list[str] = []
    todo: list[Node | None] = [node]
    marks: list[str] = []
    while todo:
        item = todo.pop()
        if item is None:
            out.append(marks.pop())
        elif isinstance(item, str):
            out.append(item)
        elif isinstance(item, list):
            out.append("[")
            marks.append("]")
            todo.append(None)
            for index, member in enumerate(reversed(item)):
                if index:
                    todo.append("," + space)
                todo.append(member)
        else:
            out.append("{")
            marks.append("}")
            todo.append(None)
            for index, (name, member) in enumerate(reversed(item)):
                if index:
                    todo.append("," + space)
                todo.extend((member, name + ":" + space))
    return "".join(out)


def _mutated(rng: Random, node: Node) -> Node:
    """One mutation at a random place; small changes far down are as likely as large ones at the top."""
    if isinstance(node, list) and node and rng.random() < 0.8:
        index = rng.randrange(len(node))
        return [*node[:index], _mutated(rng, node[index]), *node[index + 1 :]]
    if isinstance(node, tuple) and node and rng.random() < 0.8:
        index = rng.randrange(len(node))
        name, member = node[index]
        return (*node[:index], (name, _mutated(rng, member)), *node[index + 1 :])
    return rng.choice(_MUTATIONS)(rng, node)


def _leaf(rng: Random, node: Node) -> Node:
    return rng.choice(LEAVES)


def _number(rng: Random, node: Node) -> Node:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((1, 2, 8, 17, 20, 40, 330))))
    point = rng.randrange(len(digits) + 1)
    exponent = rng.choice(("", "", f"e{rng.randrange(-340, 340)}", f"E+{rng.randrange(30)}"))
    return rng.choice(("", "-")) + digits[:point] + rng.choice(("", ".")) + digits[point:] + exponent


def _wrapped(rng: Random, node: Node) -> Node:
    return rng.choice(([node], [node, node], (('"x"', node),), (('"b64"', node),)))


def _deep(rng: Random, node: Node) -> Node:
    depth = rng.choice((2, 5, 33, 65, 300, 1100, 5000))
    opened, closed = rng.choice((("[", "]"), ('{"x":', "}"), ("[[1],", "]")))
    return opened * depth + (node if isinstance(node, str) else "1") + closed * rng.choice((depth, depth, depth - 1))


def _members_changed(rng: Random, node: Node) -> Node:
    if isinstance(node, str):
        return node[: rng.randrange(len(node) + 1)] if node else "1"
    members: list[Any] = list(node)
    if not members:
        return ["1"]
    index = rng.randrange(len(members))
    change = rng.randrange(5)
    if change == 0:
        del members[index]
    elif change == 1:
        members.insert(rng.randrange(len(members) + 1), members[index])
    elif change == 2:
        rng.shuffle(members)
    elif change == 3:
        members *= rng.choice((0, 2, 3, 50))
    elif isinstance(node, tuple):
        members[index] = (f'"{rng.choice(NAMES)}"', members[index][1])
    else:
        members[index] = rng.choice(LEAVES)
    return members if isinstance(node, list) else tuple(members)


def _long_text(rng: Random, node: Node) -> Node:
    piece = rng.choice(("a", "é", "\\u0041", "AAAA", "\\n", "\\ud83d\\ude00", "%s", "../"))
    return '"' + piece * rng.choice((10, 300, 5000, 40_000)) + '"'


def _many(rng: Random, node: Node) -> Node:
    count = rng.choice((3, 17, 300, 3000))
    leaf = rng.choice(LEAVES) if rng.random() < 0.3 else rng.choice(("1", "0.5", "[1.0]", "[1,2]", '"s"', "true", "[]"))
    if rng.random() < 0.7:
        return [leaf] * count
    return tuple((f'"k{index}"', leaf) for index in range(count))


def _array(rng: Random, node: Node) -> Node:
    """Numbers of some shape, mostly an even one."""
    shape = [rng.choice((0, 1, 1, 2, 2, 3, 4, 8, 9)) for _ in range(rng.choice((0, 1, 2, 2, 3, 4, 5, 8)))]
    leaf = rng.choice(("1", "0.5", "-3.25", "255", "true", '"a"'))
    value: Node = leaf
    for size in reversed(shape):
        value = [value] * min(size, 3 if len(shape) > 4 else 9)
    return value


def _named(rng: Random, node: Node) -> Node:
    return tuple((f'"{rng.choice(NAMES)}"', rng.choice(LEAVES)) for _ in range(rng.randrange(5)))


def _signature(rng: Random, node: Node) -> Node:
    return f'"{rng.choice(SIGNATURES)}"'


_MUTATIONS = (
    *(_leaf, _leaf, _leaf, _number, _number, _wrapped, _deep, _members_changed, _members_changed),
    *(_long_text, _many, _array, _array, _named, _signature),
)


def _dirtied(rng: Random, body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not data:
            break
        position = rng.randrange(len(data))
        change = rng.randrange(4)
        if change == 0:
            data[position] = rng.randrange(256)
        elif change == 1:
            del data[position : position + rng.choice((1, 2, 20))]
        elif change == 2:
            data[position:position] = rng.choice(
                (b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xed\xa0\x80", b",", b"]", b"}", b'"')
            )
        else:
            del data[position:]
    return bytes(data)
