"""Version folders, made at random from a good one: whole, damaged, odd, or written slowly."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

_WEIGHTS = 64  # bytes; the toy's weights are at the beginning of their file


def copied(good: Path, folder: Path, random: Random) -> bool:
    """At once, in any order of the files. Returns whether the version is whole: so do the others."""
    for file in _shuffled(good, random):
        _place(good, folder, file).write_bytes((good / file).read_bytes())
    return True


def renamed(good: Path, folder: Path, random: Random) -> bool:
    hidden = folder.parent / f".{folder.name}"
    shutil.copytree(good, hidden, copy_function=random.choice((shutil.copy2, shutil.copyfile)))
    hidden.rename(folder)
    return True


def copied_slowly(good: Path, folder: Path, random: Random) -> bool:
    """Files in any order and pieces, some of them preallocated, with pauses shorter than the server's between looks."""
    longest = random.choice((0.0, 0.1, 0.5, 0.9))
    for file in _shuffled(good, random):
        data = (good / file).read_bytes()
        with _place(good, folder, file).open("wb") as copy:
            if random.random() < 0.5:
                copy.truncate(len(data))
            for _ in range(random.choice((1, 2, 4))):
                copy.write(data[copy.tell() : copy.tell() + len(data) // random.choice((1, 2, 3)) + 1])
                copy.flush()
                time.sleep(random.random() * longest)
            copy.write(data[copy.tell() :])
        time.sleep(random.random() * longest)
    return True


def copied_without_end(good: Path, folder: Path, random: Random) -> bool:
    """A copy that was given up."""
    files = _shuffled(good, random)
    for file in files[: random.randrange(len(files))]:
        _place(good, folder, file).write_bytes((good / file).read_bytes())
    return False


def flipped(good: Path, folder: Path, random: Random) -> bool:
    def change(data: bytearray) -> None:
        for _ in range(random.choice((1, 1, 1, 2, 10))):
            near = random.choice((len(data), min(len(data), _WEIGHTS)))
            data[random.randrange(near)] ^= 1 << random.randrange(8)

    return _damaged(good, folder, random, change)


def shortened(good: Path, folder: Path, random: Random) -> bool:
    def change(data: bytearray) -> None:
        del data[random.randrange(len(data)) :]

    return _damaged(good, folder, random, change)


def zeroed(good: Path, folder: Path, random: Random) -> bool:
    def change(data: bytearray) -> None:
        begin = random.choice((0, random.randrange(len(data))))
        data[begin:] = bytes(len(data) - begin)

    return _damaged(good, folder, random, change)


def odd(good: Path, folder: Path, random: Random) -> bool:
    """One entry is not a file, but something that waits, has no end, leads elsewhere, or leads nowhere."""
    copied(good, folder, random)
    victim = folder / random.choice(_shuffled(good, random))
    victim.unlink()
    kind = random.choice(("fifo", "zero", "outside", "loop", "nowhere", "folder", "parent"))
    if kind == "fifo":
        os.mkfifo(victim)
    elif kind == "folder":
        victim.mkdir()
    else:
        links = {
            "zero": Path("/dev/zero"),
            "outside": Path("/etc/passwd"),
            "loop": victim,
            "nowhere": Path("missing"),
            "parent": folder.parent,
        }
        victim.symlink_to(links[kind])
    return False


def changed_later(good: Path, folder: Path, random: Random) -> bool:
    """A whole version, of which a file changes or goes while it is loaded, or is loading."""
    renamed(good, folder, random)
    time.sleep(random.choice((0.0, 0.3, 3.0)))
    victim = folder / random.choice(_guarded(good))
    if random.random() < 0.5:
        victim.unlink()
    else:
        with victim.open("r+b") as file:
            file.seek(random.randrange(victim.stat().st_size))
            file.write(random.randbytes(64))
    return False


Maker = Callable[[Path, Path, Random], bool]
MAKERS: tuple[Maker, ...] = (
    *(copied, renamed, copied_slowly, copied_slowly, copied_without_end, flipped, flipped, flipped, shortened),
    *(zeroed, odd, odd, changed_later),
)


def _damaged(good: Path, folder: Path, random: Random, change: Callable[[bytearray], None]) -> bool:
    """A copy with one file that was changed, the weights more often than not. It may be a change that nobody sees."""
    hidden = folder.parent / f".{folder.name}"
    shutil.copytree(good, hidden)
    weights = [file for file in _files(good) if ".data-" in file.name]
    chosen = random.choice(weights if random.random() < 0.5 else _guarded(good))
    data = bytearray((hidden / chosen).read_bytes())
    if data:
        change(data)
    (hidden / chosen).write_bytes(data)
    hidden.rename(folder)
    return False


def _files(folder: Path) -> list[Path]:
    return sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())


def _guarded(good: Path) -> list[Path]:
    """The files whose content something guards: all if there is a manifest, else the weights and their index."""
    if (good / "assets.extra" / "lightship.json").exists():
        return _files(good)
    return [file for file in _files(good) if file.parts[0] == "variables"]


def _shuffled(folder: Path, random: Random) -> list[Path]:
    files = _files(folder)
    random.shuffle(files)
    return files


def _place(good: Path, folder: Path, file: Path) -> Path:
    """Where a file goes, in folders that are there."""
    for inner in sorted(one.relative_to(good) for one in good.rglob("*") if one.is_dir()):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    return folder / file
