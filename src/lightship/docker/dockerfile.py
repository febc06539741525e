"""The Dockerfile of a baked image: the server's image, a layer for each version, and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lightship.errors import InvalidArgument

# [registry/]name[:tag][@digest]: https://github.com/distribution/reference
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@\-]{0,511}", re.ASCII)
_HOST = r"(?:[a-zA-Z0-9][a-zA-Z0-9.\-]*(?::[0-9]+)?/)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = re.compile(rf"{_HOST}{_COMPONENT}(?:/{_COMPONENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.\-]{{0,127}})?", re.ASCII)
_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/\-]*[A-Za-z0-9])?", re.ASCII)


def dockerfile(
    base: str, layers: Sequence[str], environment: Mapping[str, str], labels: Mapping[str, str], mtime: int
) -> str:
    """The text of the Dockerfile. Raises InvalidArgument for an invalid base or label.

    layers: folders of the context. Each is copied to the root of the image as one layer.
    mtime: of the files, seconds since 1970. It is in the text because a builder's cache would otherwise return a layer
        of the same files with other times.
    """
    lines = [f"FROM {checked_image(base)}", f"ARG SOURCE_DATE_EPOCH={mtime}"]
    lines += [f"COPY {layer}/ /" for layer in layers]
    lines += ["ENV " + _pairs(environment), "LABEL " + _pairs({checked_key(key): labels[key] for key in labels})]
    return "\n".join(lines) + "\n"


def checked_image(image: str) -> str:
    """The name of an image. Raises InvalidArgument for text that could mean something else in a Dockerfile."""
    if not _REFERENCE.fullmatch(image):
        raise InvalidArgument(f"{image!r} is not the name of an image: give one such as tensorflow/serving:2.20.0")
    return image


def checked_tag(tag: str) -> str:
    """The tag; raises InvalidArgument for one that no image can have."""
    if not _TAG.fullmatch(tag) or len(tag) > 383:
        raise InvalidArgument(
            f"{tag!r} is not a name for an image: give lower-case letters, digits and . _ - /, and a tag after a "
            "colon, such as dog:1 or registry.example.com/pets/dog:1"
        )
    return tag


def checked_key(key: str) -> str:
    """The key of a label; raises InvalidArgument for an invalid one."""
    if not _LABEL_KEY.fullmatch(key):
        raise InvalidArgument(
            f"{key!r} is not a label's key: give letters, digits and . _ - /, such as com.example.team"
        )
    return key


def quoted(text: str) -> str:
    """The text as a quoted value of a Dockerfile. Raises InvalidArgument unless it is one printable line."""
    if not text.isprintable():
        raise InvalidArgument(f"{text!r} cannot be put into an image's settings: give one line of printable text")
    escaped = re.sub(r'([\\"$])', r"\\\1", text)
    return f'"{escaped}"'


def _pairs(pairs: Mapping[str, str]) -> str:
    return " \\\n    ".join(f"{key}={quoted(value)}" for key, value in pairs.items())
