"""Compiles signatures in the server's own process."""

from __future__ import annotations

from collections.abc import Mapping

from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import Description
from lightship.engines.openvino.proven import refuse_unproven
from lightship.engines.openvino.unchecked import Unchecked


class InProcess(Unchecked):
    """Compiles in this process, if all operations of the signature are in the table of proven operations."""

    tries_rows = True

    def signature(self) -> tuple[Description, Mapping[str, Compiled]]:
        refuse_unproven(self._folder, self._signature, self._options.allow_unproven)
        return super().signature()
