"""Says which files differ between two images, layer by layer: compare_images.py IMAGE IMAGE.

Exit code 0 if none does: content, mode, owner and time of every file are the same. Two builds of the same sources
should be: `make image`, tag it, and build again with `BUILD_OPTIONS=--no-cache`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

Layer = dict[str, tuple[object, ...]]


def layers(image: str) -> list[Layer]:
    """Of each layer, bottom up, what every file in it is. Uses `docker save`, thus DOCKER_HOST."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "image.tar"
        subprocess.run(["docker", "save", "--output", str(saved), image], check=True)
        with tarfile.open(saved) as archive:
            return list(_layers(archive))


def _layers(archive: tarfile.TarFile) -> Iterator[Layer]:
    manifest = archive.extractfile("manifest.json")
    assert manifest is not None
    for name in json.load(manifest)[0]["Layers"]:
        with tarfile.open(fileobj=archive.extractfile(name)) as layer:
            yield {entry.name: _description(layer, entry) for entry in layer}


def _description(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> tuple[object, ...]:
    if Path(entry.name).name.startswith(".wh."):
        return ("removed",)  # a mark, whose time is the builder's
    file = layer.extractfile(entry) if entry.isfile() else None
    content = hashlib.file_digest(file, "sha256").hexdigest() if file else entry.linkname
    return entry.type, oct(entry.mode), entry.uid, entry.gid, entry.mtime, content


def differences(one: list[Layer], other: list[Layer]) -> list[str]:
    found = []
    for number, (left, right) in enumerate(zip_longest(one, other, fillvalue=Layer())):
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name):
                found.append(f"layer {number}: {name}: {left.get(name)} {right.get(name)}")
    return found


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = differences(layers(sys.argv[1]), layers(sys.argv[2]))
    print("\n".join(found) or "the same")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
