"""Whether a running container still sees the folder that is at the mounted path now.

A mount is of a folder, not of a path. If the folder is removed or renamed and another one is put in its place, the
container goes on with the old one, and finds no new version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightship.docker.settings import FOLDER_LABEL, Settings

if TYPE_CHECKING:
    from docker.models.containers import Container as EngineContainer


def sees_another_folder(found: EngineContainer, settings: Settings) -> bool:
    """Returns whether the folder was replaced after a container was started."""
    from docker.errors import APIError

    if not settings.folder or found.labels.get(FOLDER_LABEL, settings.folder) == settings.folder:
        return False
    try:  # the engine may have started it again since then, with the folder that is there now
        done = found.exec_run(["stat", "--format=%i", settings.target])
    except APIError:  # it is paused, for example
        return True
    output: Any = done.output  # not a stream, which was not asked for
    return bool(output.strip() != settings.folder.encode())
