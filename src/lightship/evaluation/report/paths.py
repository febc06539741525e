"""How a report names photos: by their paths below the folder that all of them share.

So a report does not say where on its machine a training read its photos.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lightship.evaluation.report.content import ReportContent


@dataclass(frozen=True, slots=True)
class PathNames:
    """Names photos. `folder`: what is left out at the start; None if they share none."""

    folder: Path | None

    @classmethod
    def of(cls, content: ReportContent) -> Self:
        paths = [*(one.path for one in content.photos), *(one.path for one in content.unreadable)]
        try:
            return cls(Path(os.path.commonpath({str(path.parent) for path in paths})))
        except ValueError:  # none, or on different drives, or only some of them absolute
            return cls(None)

    def shown(self, path: Path) -> str:
        if self.folder is None or not path.is_relative_to(self.folder):
            return path.name
        return path.relative_to(self.folder).as_posix()
