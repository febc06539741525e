"""What tests of several rooms share: real photos, the real dog model, and TensorFlow Serving's own toy model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import atexit
import functools
import gc
import importlib.util
import logging
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator

# A cache of compiled models for all tests and the servers that they start, which is gone at the end.
if "LIGHTSHIP_CACHE_DIR" not in os.environ:
    os.environ["LIGHTSHIP_CACHE_DIR"] = tempfile.mkdtemp(prefix="lightship-tests-")
    atexit.register(shutil.rmtree, os.environ["LIGHTSHIP_CACHE_DIR"], ignore_errors=True)
elif "PYTEST_XDIST_WORKER" in os.environ:  # tests look at what is in the cache, so each process has its own
    os.environ["LIGHTSHIP_CACHE_DIR"] += "/" + os.environ["PYTEST_XDIST_WORKER"]

# Tests start thousands of processes: each would compile Lightship's modules anew, for 0.2 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests write versions and want them served at once; those of the default give it themselves.
os.environ.setdefault("LIGHTSHIP_SETTLE_SECONDS", "0.05")

import httpx2
import pytest
from demo.assets import BREEDS, CACHE, Assets, fetch

MODELS = Path(__file__).parent / "models"

# Otherwise each process that runs tests would rewrite the assertions of all test modules in each run, for 5 s.
sys.dont_write_bytecode = False

# Keras imports scikit-learn for wrappers that no test uses, which takes a quarter of TensorFlow's import time. The
# folder is first in sys.path too, because helper processes get that of the process that starts them.
WITHOUT_SCIKIT_LEARN = str(Path(__file__).parent / "without_scikit_learn")
if WITHOUT_SCIKIT_LEARN not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
    os.environ["PYTHONPATH"] = os.pathsep.join([WITHOUT_SCIKIT_LEARN, *filter(None, [os.environ.get("PYTHONPATH")])])
if WITHOUT_SCIKIT_LEARN not in sys.path:
    sys.path.insert(0, WITHOUT_SCIKIT_LEARN)

# What the fixtures that many tests share need. A test that uses one has these markers.
NEEDS = {
    "assets": ("network",),
    "inference": ("tensorflow",),
    "lite0_file": ("network",),
    "modules": ("network",),
    "reference": ("tensorflow",),
    "dog_bundle": ("network", "tensorflow"),
    "explained_model": ("tensorflow",),
}
# Folders whose tests run one after the other where tests run in parallel: they share an engine, a cache or a browser.
ONE_BY_ONE = frozenset({"browser", "compat", "docker", "fuzz"})
# Folders whose tests take longest. They begin first, so that no process is left alone with them at the end.
LONGEST = (
    "docker",
    "end_to_end",
    "packaging",
    "training",
    "docs",
    "store",
    "browser",
    "compat",
    "fuzz",
    "cli",
    "equality",
)
# New objects that start a collection of garbage. Python's default of 700 costs TensorFlow's tests 5 % of their time.
GARBAGE = 20_000
_IMPORTS_TENSORFLOW = re.compile(r"^(import|from) (tensorflow|keras)\b", re.MULTILINE)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives until the end, so the garbage collector need not visit it, neither now nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(GARBAGE)
        gc.enable()


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # in the order of `Scheduling`
        tests = Counter(scope_of(item.nodeid) for item in items)
        items.sort(key=lambda item: (_rank(item.nodeid), -tests[scope_of(item.nodeid)]))
    for item in items:
        for fixture in NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            for marker in NEEDS[fixture]:
                item.add_marker(marker)
        if imports_tensorflow(item.path) or imports_tensorflow(item.path.parent):
            item.add_marker("tensorflow")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer may take longer than httpx2's default of 5 seconds where the machine has much other work."""
    for name in ("get", "head", "post"):
        monkeypatch.setattr(httpx2, name, functools.partial(getattr(httpx2, name), timeout=60))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Returns how many processes run tests: more than processors, because many tests wait for other processes."""
    from lightship.processors import available_cpus

    return available_cpus() + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives each file of tests to one process, and each of some folders whole."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False  # the collected tests are in order
    return Scheduling(config, log)


def scope_of(nodeid: str) -> str:
    """What of the tests goes to one process: the file, or the folder."""
    folder = nodeid.split("/")[1]
    return f"tests/{folder}" if folder in ONE_BY_ONE else nodeid.split("::", 1)[0]


def _rank(nodeid: str) -> int:
    """The folder's place in LONGEST, or the place behind all."""
    folder = nodeid.split("/")[1]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without TensorFlow, what imports it cannot even be collected."""
    found = importlib.util.find_spec("tensorflow") is not None
    return None if found or not imports_tensorflow(collection_path) else True


@functools.cache
def imports_tensorflow(path: Path) -> bool:
    """Whether a test module, or a folder's conftest, imports TensorFlow or Keras as soon as it is imported."""
    file = path / "conftest.py" if path.is_dir() else path
    return file.suffix == ".py" and file.exists() and _IMPORTS_TENSORFLOW.search(file.read_text()) is not None


@pytest.fixture(autouse=True)
def _logs_as_at_first() -> None:
    """A command that a test runs in this process may have directed the logs to standard error, away from caplog."""
    lightship = logging.getLogger("lightship")
    lightship.handlers, lightship.propagate = [], True
    lightship.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def assets() -> Assets:
    return fetch()


@pytest.fixture(scope="session")
def dog_model(assets: Assets) -> Path:
    """A Keras 2 `.h5`: MobileNetV2, 160x160, 19 breeds."""
    return assets.model


@pytest.fixture(scope="session")
def dog_classes() -> list[str]:
    return list(BREEDS)


@pytest.fixture(scope="session")
def dog_photo(assets: Assets) -> Path:
    """A bull mastiff."""
    return assets.photo


@pytest.fixture(scope="session")
def photos(assets: Assets) -> list[Path]:
    return list(assets.photos)


@pytest.fixture(scope="session")
def lite0_file() -> Path:
    """The weights of EfficientNet-Lite0 for ImageNet, a checkpoint of PyTorch; kept beside the demo's model."""
    from lightship.training.weights.download import lite0_weights

    return lite0_weights(CACHE)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns a folder that `make` fills: the first of the processes that run the tests makes it, each has a copy."""
    from lightship.locks import wait_for_lock

    base = tmp_path_factory.getbasetemp()
    common = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made_once" / name
    common.mkdir(parents=True, exist_ok=True)
    made, making = common / "made", common / "making"
    lock = wait_for_lock(common, common / "lock")
    try:
        if not made.exists():
            shutil.rmtree(making, ignore_errors=True)
            make(making)
            making.rename(made)
    finally:
        lock.release()
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("once") / name, symlinks=True))


@pytest.fixture(scope="session")
def dog_bundle(tmp_path_factory: pytest.TempPathFactory, assets: Assets) -> Path:
    """`models/dog`, holding version 1 as `make demo` exports it. Copy it before changing anything in it.

    It is compiled as well: the first process that needs it compiles all its signatures, and the others copy them.
    """
    from lightship.images.spec import ImageSpec
    from lightship.packaging import export

    cache = Path(os.environ["LIGHTSHIP_CACHE_DIR"])

    def make(folder: Path) -> None:
        image = ImageSpec(resize="bicubic", preprocessing="mobilenet_v2")
        before = compiled_in(cache)
        version = export(assets.model, folder / "dog", classes=list(BREEDS), image=image, golden=[assets.photo])
        compile_signatures(version)
        for entry in compiled_in(cache) - before:
            shutil.copytree(entry, folder / "compiled" / entry.name)

    made = made_once(tmp_path_factory, "dog_bundle", make)
    cache.mkdir(parents=True, exist_ok=True)
    for entry in compiled_in(made / "compiled"):
        if not (cache / entry.name).exists():
            shutil.move(entry, cache)
    return made / "dog"


def compiled_in(cache: Path) -> set[Path]:
    """Returns the entries of a cache of compiled models, which are folders named after their digests."""
    return set(cache.glob("[0-9a-f]" * 64))


def compile_signatures(version: Path) -> None:
    """Compiles all signatures of a version for the serving engine, into the cache of compiled models."""
    from lightship.engines import load_engine
    from lightship.saved_model.reader import read_saved_model
    from lightship.saved_model.signatures import INIT_SIGNATURE

    model = read_saved_model(version)
    engine = load_engine(version, model)
    for name in model.signatures:
        if name != INIT_SIGNATURE:
            engine.engine_of(name)
    engine.close()


@pytest.fixture(scope="session")
def explained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder holding version 1: a small image classifier with explanations. See tests/explained_model.py."""
    from tests.explained_model import save_explained_model

    folder = tmp_path_factory.mktemp("models") / "explained"
    save_explained_model(folder / "1")
    return folder


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the models in tests/models: a model folder each, called by its name. See tests/models/make.py."""
    return Path(
        shutil.copytree(MODELS, tmp_path_factory.mktemp("models") / "saved", ignore=shutil.ignore_patterns("*.py"))
    )


@pytest.fixture(scope="session")
def half_plus_two(saved_models: Path) -> Path:
    """A model folder holding version 123: y = 0.5 x + 2, by predict, classify and regress."""
    return saved_models / "half_plus_two"
