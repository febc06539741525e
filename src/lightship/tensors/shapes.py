"""Shapes as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def declared_shape(shape: Sequence[int] | None) -> str:
    """Returns a shape as in `[?, 160, 160, 3]`; `?` stands for any size, which is -1, and `[...]` for any rank."""
    return "[...]" if shape is None else f"[{', '.join('?' if size < 0 else str(size) for size in shape)}]"
