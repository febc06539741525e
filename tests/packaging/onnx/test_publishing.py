"""ONNX files are added to a version so that it is complete at any time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import MODELS

pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")
from tests.engines.onnxruntime.onnx_files import write_line
from tests.packaging.onnx.fake_tf2onnx import fake_tf2onnx

from lightship.bundle.golden import Golden
from lightship.bundle.manifest import MANIFEST_FILE, Manifest, renew_digests, sealed, write_manifest
from lightship.engines import EngineOptions
from lightship.errors import DataLoss, FailedPrecondition, PermissionDenied
from lightship.packaging.onnx import add_onnx
from lightship.saved_model.digests import Digests
from lightship.saved_model.version_folder import find_version

pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def quick_tf2onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tf2onnx that knows one model: y = a x + b, with the numbers in the environment."""
    fake_tf2onnx(
        tmp_path / "site",
        "import os, sys\n"
        "import numpy as np\n"
        "from tests.engines.onnxruntime.onnx_files import line, onnx\n"
        "def main():\n"
        "    if '--signature_def=serving_default' not in sys.argv:\n"
        "        raise SystemExit('only serving_default')\n"
        "    output = next(one for one in sys.argv if one.startswith('--output='))\n"
        "    onnx.save(line(float(os.environ['A']), 2.0), output.partition('=')[2])\n",
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    monkeypatch.setenv("A", "0.5")


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """Half plus two, as a plain SavedModel."""
    folder = tmp_path / "models" / "toy" / "1"
    shutil.copytree(MODELS / "half_plus_two/123", folder)
    return folder


@pytest.fixture
def bundle(version: Path) -> Path:
    """Half plus two with a manifest, a golden sample, and a field of a newer Lightship."""
    import numpy as np

    extras = version / "assets.extra"
    extras.mkdir()
    x = np.array([[1.0], [2.0], [5.0]], np.float32)
    Golden({"x": x}, {"y": 0.5 * x + 2}).save(extras / "golden.npz")
    write_manifest(version, Manifest("2026-01-01T00:00:00+00:00", {"lightship": "0"}, {}, golden="golden.npz"))
    file = version / MANIFEST_FILE
    file.write_text(json.dumps(sealed({**json.loads(file.read_text()), "later": [1]})))
    return version


@pytest.fixture(scope="module")
def converted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs a converted bundle leaves it for the others."""
    return tmp_path_factory.mktemp("converted") / "1"


@pytest.fixture
def converted(converted_once: Path, bundle: Path) -> Path:
    """The bundle, converted."""
    if not converted_once.exists():
        convert(bundle)
        shutil.copytree(bundle, converted_once)
    else:
        shutil.copytree(converted_once, bundle, dirs_exist_ok=True)
    return bundle


def convert(version: Path) -> None:
    add_onnx(find_version(version), ["f32"], False)


def test_a_plain_saved_model_gets_a_file_and_no_manifest(version: Path) -> None:
    convert(version)
    assert [file.name for file in (version / "assets.extra").iterdir()] == ["model.onnx"]
    assert [file.name for file in version.parent.iterdir()] == ["1"]


def test_a_file_that_is_wrong_by_a_hundredth_is_not_kept(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (bundle / MANIFEST_FILE).read_bytes()
    monkeypatch.setenv("A", "0.51")
    with pytest.raises(FailedPrecondition, match="the answers of the ONNX file are wrong, so it was not kept"):
        convert(bundle)
    assert not (bundle / "assets.extra/model.onnx").exists()
    assert (bundle / MANIFEST_FILE).read_bytes() == before


def test_without_a_golden_sample_tensorflow_decides(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "0.51")
    with pytest.raises(FailedPrecondition, match="onnxruntime's answers differ from TensorFlow's"):
        convert(version)
    assert not (version / "assets.extra").exists()


def test_a_version_that_was_changed_after_its_export_is_not_converted(bundle: Path) -> None:
    (bundle / "saved_model.pb").write_bytes((bundle / "saved_model.pb").read_bytes() + b"\n")
    with pytest.raises(DataLoss, match=r"saved_model\.pb"):
        convert(bundle)


def test_a_signed_version_is_not_changed(version: Path) -> None:
    (version / "model.sig").write_text("{}")
    with pytest.raises(FailedPrecondition, match="remove .*model.sig, convert, and sign the version again"):
        convert(version)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said_to_be_so(version: Path) -> None:
    version.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionDenied, match="give this user the right"):
            convert(version)
    finally:
        version.parent.chmod(0o700)


def test_the_manifest_has_the_digest_of_the_file(converted: Path) -> None:
    manifest = Manifest.read(converted)
    assert manifest.covers("assets.extra/model.onnx")
    manifest.verify(converted)
    assert json.loads((converted / MANIFEST_FILE).read_text())["later"] == [1]
    (converted / "assets.extra/model.onnx").write_bytes(b"another")
    with pytest.raises(DataLoss, match="model.onnx"):
        manifest.verify(converted)


def test_inspect_accepts_a_converted_version(converted: Path) -> None:
    command = [sys.executable, "-m", "lightship", "inspect", str(converted), "--engine", "onnxruntime", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["engines"]["serving_default"]["engine"] == "onnxruntime"
    assert found["golden"]["ok"]


def test_a_file_that_is_wrong_by_a_hundredth_never_answers(converted: Path) -> None:
    from lightship.lifecycle.loader import Loader, LoadOptions
    from lightship.lifecycle.servable import ServableId

    write_line(converted, b=2.01)
    digest = Digests(converted).of("assets.extra/model.onnx")
    renew_digests(converted, {"assets.extra/model.onnx": digest})
    loader = Loader(LoadOptions(engine=EngineOptions(engine="onnxruntime")))
    with pytest.raises(DataLoss, match="does not give the trained model's answers"):
        loader.load(ServableId("toy", 1), converted)


def test_a_second_conversion_replaces_the_first_step_by_step(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is complete after each step: for a server that reads it, and if the process is killed."""
    (converted / "assets.extra/model.gone.onnx").write_bytes(b"of a signature that does not convert any more")
    steps: list[bool] = []
    replace = os.replace

    def look(source: str, target: str) -> None:
        replace(source, target)
        Manifest.read(converted).verify(converted)
        steps.append(Manifest.read(converted).covers("assets.extra/model.onnx"))

    monkeypatch.setattr(os, "replace", look)
    convert(converted)
    assert steps == [False, False, True]
    names = {file.name for file in (converted / "assets.extra").iterdir()}
    assert names == {"model.onnx", "golden.npz", "lightship.json"}


def test_two_conversions_at_once_leave_a_complete_version(bundle: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(convert, [bundle, bundle]))
    Manifest.read(bundle).verify(bundle)
    assert Manifest.read(bundle).covers("assets.extra/model.onnx")
