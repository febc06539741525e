"""Where this process and its helpers write temporary files."""

from __future__ import annotations

import os
import tempfile

_MEMORY = "/dev/shm"


def ensure_temporary_folder() -> None:
    """Lets temporary files go to /dev/shm if no usual folder can be written to.

    So it is where the root file system is read-only and nobody has mounted a folder at /tmp or set TMPDIR. Containers
    have /dev/shm nevertheless. Programs that this one starts follow.
    """
    try:
        tempfile.gettempdir()
    except OSError:
        if os.access(_MEMORY, os.W_OK):
            os.environ["TMPDIR"] = _MEMORY
