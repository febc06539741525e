"""All kernels."""

from __future__ import annotations

from collections.abc import Mapping

from lightship.engines.host.kernels import arithmetic, examples, moves, ragged, texts
from lightship.engines.host.kernels.kernel import Kernel

KERNELS: Mapping[str, Kernel] = {
    **arithmetic.KERNELS,
    **examples.KERNELS,
    **moves.KERNELS,
    **ragged.KERNELS,
    **texts.KERNELS,
}
