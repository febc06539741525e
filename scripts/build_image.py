"""Builds Lightship's image with `docker build`: build_image.py [--extra tensorflow] [-- OPTIONS OF DOCKER BUILD].

Needs Python and a Docker Engine, nothing else. The settings of pip that name a package index (PIP_INDEX_URL and so
on, and a certificate of its own in PIP_CERT) are used by the build and end in no layer. SOURCE_DATE_EPOCH is the time
the image says it was created; without it, the last commit's.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("docker", "src", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".dockerignore")
INDEX = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")


def version() -> str:
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "src/lightship/__init__.py").read_text(), re.MULTILINE)
    assert found, "lightship/__init__.py has a version"
    return found[1]


def tag(extra: str = "", name: str = "lightship") -> str:
    return f"{name}:{version()}{'-' if extra else ''}{extra}"


def files() -> Iterator[Path]:
    """What enters the image, in order."""
    for part in PARTS:
        path = ROOT / part
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and is_source(file))


def is_source(file: Path) -> bool:
    return "__pycache__" not in file.parts and file.suffix not in (".pyc", ".binpb")


def context() -> bytes:
    """The build's context as a tar, the same for the same sources, with the certificate that pip shall trust."""
    certificate = os.environ.get("PIP_CERT")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files():
            add(archive, str(file.relative_to(ROOT)), file.read_bytes(), 0o755 if os.access(file, os.X_OK) else 0o644)
        if certificate:
            add(archive, "docker/ca.crt", Path(certificate).read_bytes(), 0o644)
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), mode, 315532800
    archive.addfile(entry, io.BytesIO(data))


def git(*command: str) -> str:
    """What git says; nothing outside a checkout."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def build_arguments(extra: str) -> dict[str, str]:
    created = int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct") or time.time())
    return {
        "EXTRA": extra,
        "VERSION": version(),
        "REVISION": os.environ.get("REVISION") or git("rev-parse", "HEAD"),
        "CREATED": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created)),
        **{name: os.environ[name] for name in INDEX if os.environ.get(name)},
    }


def command(extra: str, options: list[str]) -> list[str]:
    arguments = [part for key, value in build_arguments(extra).items() for part in ("--build-arg", f"{key}={value}")]
    return ["docker", "build", "--file", "docker/Dockerfile", "--tag", tag(extra), *arguments, *options, "-"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extra", default="", choices=["", "tensorflow"], help="what to add to the core")
    parser.add_argument("options", nargs="*", help="for docker build, behind --")
    given = parser.parse_args()
    try:
        done = subprocess.run(command(given.extra, given.options), input=context())
    except FileNotFoundError:
        sys.exit("error: there is no docker; install a Docker client (Debian: apt-get install docker.io)")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
