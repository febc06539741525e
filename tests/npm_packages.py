"""Packages of npm that tests need, locked and installed once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.programs import program

CACHE = Path(__file__).parents[1] / ".cache"


def installed(folder: Path) -> Path:
    """Returns a folder with the packages in its `node_modules` that the `package-lock.json` in `folder` locks.

    It is kept, and made anew when the lock changes. Without npm, or a network, the test is skipped, but for CI.
    """
    lock = folder / "package-lock.json"
    place = CACHE / folder.name / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (place / "installed").exists():
        npm = program("npm")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for file in (lock, folder / "package.json"):
            shutil.copy(file, place)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240)
        if done.returncode != 0 and not os.environ.get("CI"):
            pytest.skip(f"npm could not install what the test needs: {done.stderr}")
        assert done.returncode == 0, done.stderr
        (place / "installed").touch()
    return place
