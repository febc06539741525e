"""The file with the signature of a version, and which files a signature is about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from lightship.errors import InvalidArgument

# model-signing's own name for it. TensorFlow Serving ignores the file.
SIGNATURE_FILE = "model.sig"
MAX_BYTES = 64 << 20
# A signature is written under a name that begins with this, and then renamed.
TEMPORARY = ".model.sig-"

# Windows reads two of these as parts of a path.
_IN_NO_NAME = set("\\:\0" if os.name == "nt" else "\0")


class Signed(NamedTuple):
    """What a signature says about a version."""

    # The name that the signer gave it, such as "dog/1".
    name: str
    # The sha256 of each file in hexadecimal, by its path in the version folder, with `/`.
    digests: Mapping[str, str]
    # Paths of files and folders that the signer left out.
    ignored: tuple[str, ...] = ()

    def leaves_out(self, name: str) -> bool:
        """Returns whether a file is not part of what was signed, by the signer's own word."""
        return is_signature(name) or any(name == one or name.startswith(f"{one}/") for one in self.ignored)


def is_signature(name: str) -> bool:
    """Returns whether a path in a version folder is that of the signature, or of one that is being written."""
    return name == SIGNATURE_FILE or (name.startswith(TEMPORARY) and "/" not in name)


def check_path(name: str) -> str:
    """Returns the path of a file in a version folder. Raises InvalidArgument if it leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or set(name) & _IN_NO_NAME:
        raise InvalidArgument(f"{name!r} is not the path of a file in a version folder")
    return name
