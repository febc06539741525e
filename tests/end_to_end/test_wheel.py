"""The built wheel in a fresh environment: no TensorFlow, quick, small."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from tests.compat.test_official_code import SCRIPT, changed
from tests.end_to_end.conftest import Running, Serve

ROOT = Path(__file__).parents[2]

FOREIGN = ("tensorflow", "keras", "tf_keras")

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel alone."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    (wheel,) = folder.glob("*.whl")
    install = [folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    subprocess.run(install, check=True)
    return folder / "venv/bin"


@pytest.fixture
def serving(fresh: Path, serve: Serve, dog_bundle: Path) -> Running:
    return serve(str(dog_bundle), command=fresh / "lightship")


def test_the_wheel_brings_no_tensorflow(fresh: Path) -> None:
    found = "import importlib.util as u; print([n for n in ('tensorflow', 'keras') if u.find_spec(n)])"
    assert subprocess.check_output([fresh / "python", "-c", found], text=True).strip() == "[]"


def test_it_has_what_users_of_the_official_stubs_need(fresh: Path, tmp_path: Path) -> None:
    """In a folder of its own, so that nothing but the wheel is there."""
    folder = subprocess.check_output(
        [fresh / "python", "-c", "import lightship.protos as p; print(*p.__path__)"], text=True, cwd=tmp_path
    )
    assert (Path(folder.strip()) / "tensorflow_serving/apis/prediction_service.proto").is_file()
    code = changed(SCRIPT.read_text()).split("MODEL = ")[0] + "print(tf.make_ndarray(tf.make_tensor_proto([1.5])))"
    assert subprocess.check_output([fresh / "python", "-c", code], text=True, cwd=tmp_path) == "[1.5]\n"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_it_has_its_extensions_in_c(fresh: Path) -> None:
    for folder in ("transports.rest.reading", "transports.access_log", "images"):
        subprocess.run([fresh / "python", "-c", f"import lightship.{folder}._native"], check=True)
    found = "from lightship.images.extension import reads_jpeg; assert reads_jpeg"
    subprocess.run([fresh / "python", "-c", found], check=True)


def test_without_a_compiler_it_is_built_for_every_machine(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--outdir", tmp_path, ROOT]  # the wheel from the sdist, not in this folder
    subprocess.run(build, check=True, capture_output=True, env={**os.environ, "CC": "/no/compiler"})
    assert [wheel.name.partition("-py3-")[2] for wheel in tmp_path.glob("*.whl")] == ["none-any.whl"]


def test_it_names_the_dog(serving: Running, dog_photo: Path) -> None:
    headers = {"Content-Type": "image/jpeg"}
    answer = httpx2.post(f"{serving.url}/v1/models/dog:predict", content=dog_photo.read_bytes(), headers=headers)
    best = answer.json()["predictions"][0]
    assert best["labels"][0] == "bull_mastiff"
    assert best["scores"][0] == pytest.approx(0.997, abs=0.001)
    assert not [file for file in serving.mapped_files() if file.split("site-packages/")[-1].startswith(FOREIGN)]


def test_its_client_names_the_dog_over_grpc(fresh: Path, serving: Running, dog_photo: Path, tmp_path: Path) -> None:
    """Where there is no TensorFlow at all; its command does so too."""
    code = (
        f"import lightship, sys; answer = lightship.Client({serving.grpc_url!r}).classify_image('dog', sys.argv[1])\n"
        "print(answer.label, round(answer.score, 2), 'httpx2' in sys.modules, 'openvino' in sys.modules)"
    )
    said = subprocess.check_output([fresh / "python", "-c", code, dog_photo], text=True, cwd=tmp_path)
    assert said == "bull_mastiff 1.0 False False\n"
    command = [fresh / "lightship", "predict", f"{serving.grpc_url}/dog", dog_photo, "--json"]
    assert json.loads(subprocess.check_output(command, text=True, cwd=tmp_path))["labels"][0] == "bull_mastiff"


def test_it_has_the_pages(serving: Running) -> None:
    for page in ("docs", "ui"):
        assert "</script>" in httpx2.get(f"{serving.url}/{page}").text
    assert "/v1/models/dog:predict" in httpx2.get(f"{serving.url}/openapi.json").json()["paths"]


def test_it_is_small(serving: Running) -> None:
    assert serving.resident_megabytes() < 300


def test_it_is_ready_soon(fresh: Path, serve: Serve, dog_bundle: Path) -> None:
    serve(str(dog_bundle), command=fresh / "lightship")  # the file cache is warm now
    start = time.monotonic()
    serve(str(dog_bundle), command=fresh / "lightship")
    assert time.monotonic() - start < 60  # measured in docs/design/performance.md; here a generous deadline


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["export", "m.keras", "models/m"], "tensorflow"),
        (["docker", "start", "models/m"], "docker"),
        (["docker", "status"], "docker"),
    ],
)
def test_its_commands_name_the_extra_that_they_need(fresh: Path, tmp_path: Path, words: list[str], extra: str) -> None:
    (tmp_path / "m.keras").touch()
    done = subprocess.run([fresh / "lightship", *words], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"which is not installed: pip install 'lightship[{extra}]'\n")


@pytest.mark.parametrize(
    ("call", "extra"),
    [
        ("lightship.export('m.keras', 'models/m')", "tensorflow"),
        ("lightship.TransferModel('m.keras', ['cat']).save('models/m')", "tensorflow"),
        ("lightship.docker.status()", "docker"),
    ],
)
def test_its_functions_name_the_extra_that_they_need(fresh: Path, tmp_path: Path, call: str, extra: str) -> None:
    code = f"import lightship\ntry:\n    {call}\nexcept lightship.LightshipError as error:\n    print(error)"
    said = subprocess.check_output([fresh / "python", "-c", code], text=True, cwd=tmp_path)
    assert said.endswith(f"which is not installed: pip install 'lightship[{extra}]'\n")
