"""TensorProtos as hypothesis draws them: most nearly right, in one place wrong."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from lightship.protos import TensorProto

# TensorFlow's number of each type, the field of its values, and the bytes of one in `tensor_content`.
FIELDS = {
    1: ("float_val", 4),
    2: ("double_val", 8),
    3: ("int_val", 4),
    4: ("int_val", 1),
    5: ("int_val", 2),
    6: ("int_val", 1),
    7: ("string_val", 0),
    8: ("scomplex_val", 8),
    9: ("int64_val", 8),
    10: ("bool_val", 1),
    14: ("half_val", 2),
    17: ("int_val", 2),
    18: ("dcomplex_val", 16),
    19: ("half_val", 2),
    22: ("uint32_val", 4),
    23: ("uint64_val", 8),
}
_INTS = {"int_val": 32, "half_val": 32, "int64_val": 64}
_SIZES = st.lists(st.sampled_from([0, 1, 1, 2, 3, 8]), max_size=5)
_WRONG_SIZES = st.lists(
    st.sampled_from([-1, 0, 1, 2, 3, 1000, 2**20, 2**31, 2**32 + 1, 2**62, 2**63 - 1, -(2**63)]), max_size=40
)
_DTYPES = st.one_of(
    st.sampled_from(sorted(FIELDS)), st.integers(0, 40), st.integers(95, 140), st.sampled_from([-1, 2**31 - 1])
)


def values(field: str) -> st.SearchStrategy[Any]:
    """One value for a field of typed values."""
    if field in _INTS:
        half = 1 << (_INTS[field] - 1)
        return st.one_of(st.integers(-3, 300), st.integers(-half, half - 1))
    if field.startswith("uint"):
        return st.one_of(st.integers(0, 300), st.integers(0, 2 ** int(field[4:6]) - 1))
    if field == "string_val":
        return st.one_of(st.binary(max_size=20), st.text(max_size=5).map(lambda text: text.encode("utf-8", "replace")))
    return st.booleans() if field == "bool_val" else st.floats(width=32)


@st.composite
def tensors(draw: st.DrawFn, dtype: int = 0) -> Any:
    """dtype: the one that is expected, mostly followed."""
    kind = dtype if dtype and draw(st.integers(0, 9)) else draw(_DTYPES)
    sizes = draw(_SIZES) if draw(st.integers(0, 7)) else draw(_WRONG_SIZES)
    tensor = TensorProto(dtype=kind)
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    if not draw(st.integers(0, 30)):
        tensor.tensor_shape.unknown_rank = True
    field, size = FIELDS.get(kind, draw(st.sampled_from(sorted(FIELDS.values()))))
    count = math.prod(sizes)
    how = draw(st.sampled_from(["typed", "typed", "typed", "content", "content", "both", "wrong"]))
    if how in ("typed", "both"):
        getattr(tensor, field).extend(draw(_listed(field, count)))
    if how in ("content", "both"):
        tensor.tensor_content = draw(_contents(size, count))
    if how == "wrong":
        other = draw(st.sampled_from(sorted(FIELDS.values())))[0]
        getattr(tensor, other).extend(draw(st.lists(values(other), max_size=5)))
        tensor.float8_val = draw(st.binary(max_size=5))
        tensor.version_number = draw(st.integers(-(2**31), 2**31 - 1))
    return tensor


def _listed(field: str, count: int) -> st.SearchStrategy[list[Any]]:
    exact = min(max(count, 0), 16)
    pairs = 2 * exact if "complex" in field else exact
    return st.one_of(
        st.lists(values(field), min_size=pairs, max_size=pairs), st.lists(values(field), max_size=min(pairs, 8) + 3)
    )


def _contents(size: int, count: int) -> st.SearchStrategy[bytes]:
    exact = min(max(count, 0) * size, 4096)
    right = st.binary(min_size=exact, max_size=exact)
    if size:
        return st.one_of(right, st.binary(max_size=40))
    texts = st.lists(st.binary(max_size=100), min_size=min(max(count, 0), 16), max_size=16)
    return st.one_of(texts.map(lambda many: bytes(map(len, many)) + b"".join(many)), st.binary(max_size=40))
