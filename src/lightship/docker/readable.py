"""Checks that the server's user in a container, which is not the user who starts it, may read the mounted files."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from lightship.errors import FailedPrecondition, PermissionDenied

_ACL = "system.posix_acl_access"


def check_readable(folder: Path, user: int) -> None:
    """Checks every file and folder in the folder.

    Does nothing on other systems than Linux, where engines run in a virtual machine that maps owners.

    user: its number in the container; its group has the same number. Raises PermissionDenied, with the command that
    helps, and FailedPrecondition for a link out of the folder, which a container cannot follow.
    """
    if sys.platform != "linux":
        return
    for path in _everything(folder):
        if path.is_symlink() and not path.resolve().is_relative_to(folder):
            raise FailedPrecondition(
                f"{path} is a link to {path.resolve()}, outside of the mounted folder: a container cannot "
                "follow it; put the files themselves there"
            )
        if path.exists() and not _may_read(path, user):
            remedy = f"chmod -R o+rX {quote(str(folder))}"
            raise PermissionDenied(f"{path} cannot be read by the server's user in the container ({user}): {remedy}")


def _everything(folder: Path) -> Iterator[Path]:
    yield folder
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _may_read(path: Path, user: int) -> bool:
    entry = path.stat()
    if sys.platform == "linux" and _ACL in os.listxattr(path):  # an access control list decides, not the mode
        return True
    shift = 6 if entry.st_uid == user else 3 if entry.st_gid == user else 0
    needed = (stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(entry.st_mode) else stat.S_IROTH) << shift
    return entry.st_mode & needed == needed
