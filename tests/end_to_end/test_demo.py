"""`make demo` prints what the README says, and says what it will do before it does it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Assets

ROOT = Path(__file__).parents[2]
# What differs from run to run: a port, and times.
_VARYING = re.compile(r"(?<=127\.0\.0\.1:)\d+| +\d+\.\d+(?= ms)")


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"from pathlib import Path; from demo.demo import main; main(Path({str(folder)!r}))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.mark.tensorflow
def test_the_demo_prints_what_the_readme_says(assets: Assets, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"^```text\n(From a trained Keras model.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert shown is not None
    for _ in range(2):  # also if the model has been exported already
        done = demo(tmp_path)
        assert done.returncode == 0, done.stderr
        assert _VARYING.sub("", done.stdout) == _VARYING.sub("", shown[1])
    assert (tmp_path / "models" / "dog" / "1" / "saved_model.pb").is_file()
    assert (tmp_path / "photos" / "dog.jpg").is_file()


def test_the_sizes_that_the_demo_announces_are_those_of_its_files(assets: Assets) -> None:
    from demo.demo import PLAN

    model, photos = (int(size) for size in re.findall(r"(\d+) MB", PLAN))
    assert model == pytest.approx(assets.model.stat().st_size / 1e6, rel=0.2)
    assert photos == pytest.approx(sum(photo.stat().st_size for photo in assets.photos) / 1e6, rel=0.5)


def test_make_says_what_its_first_run_downloads_before_it_does() -> None:
    command = ["make", "--dry-run", "--no-print-directory", "--what-if", "pyproject.toml", "demo"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    told, begun, asked = (planned.index(text) for text in ("500 MB", "pip install", "demo.demo"))
    assert told < begun < asked
