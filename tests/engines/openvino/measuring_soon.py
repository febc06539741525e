"""The work of a helper that measures runs, but at a usual priority: a busy machine leaves the lowest one no time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship.engines.openvino import measuring


def work(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    measuring.lower_process = lambda niceness: None
    return measuring.work(request, out)
