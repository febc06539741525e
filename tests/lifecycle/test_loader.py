"""What must be right before a version may answer."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.changing_models import save_counting_model

from lightship.bundle.manifest import WARM_UP_FILE, sealed
from lightship.errors import DataLoss, FailedPrecondition, LightshipError, NotFound
from lightship.lifecycle import Loader, LoadOptions, Servable, ServableId, load_servable
from lightship.saved_model.reader import SavedModel

DOG = ServableId("dog", 1)


@pytest.fixture
def version(dog_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(dog_bundle / "1", tmp_path / "1")


def weights(version: Path) -> Path:
    return next((version / "variables").glob("*.data-*"))


def forge_digests(version: Path) -> None:
    """Makes the manifest agree with whatever the files are now."""
    path = version / "assets.extra" / "lightship.json"
    manifest = json.loads(path.read_text())
    for name, digest in manifest["files"].items():
        content = (version / name).read_bytes()
        digest.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    path.write_text(json.dumps(sealed(manifest)))


def test_a_bundle_is_loaded_with_its_extras(dog_bundle: Path) -> None:
    servable = Loader(LoadOptions(max_pixels=1000)).load(DOG, dog_bundle / "1")
    assert str(servable.id) == "{name: dog version: 1}"
    assert servable.engine.name == "openvino"
    assert servable.bundle.image_signatures == {"image_bytes", "classify"}
    assert servable.max_pixels == 1000
    assert servable.signature("serving_default") is not None
    assert servable.signature("nope") is None
    servable.close()


def test_a_truncated_file_is_named(version: Path) -> None:
    with weights(version).open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(DataLoss, match=f"{weights(version).name} has 1000000 bytes, the manifest says"):
        load_servable(DOG, version)


def test_changed_weights_are_found_by_their_digest(version: Path) -> None:
    content = bytearray(weights(version).read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights(version).write_bytes(content)
    with pytest.raises(DataLoss, match="was changed after export"):
        load_servable(DOG, version)


def test_changed_weights_with_right_digests_fail_the_golden_check(version: Path) -> None:
    content = weights(version).read_bytes()
    weights(version).write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    forge_digests(version)
    with pytest.raises(DataLoss, match=f"{version} does not give the trained model's answers: output 'output_0'"):
        load_servable(DOG, version)


class Observer:
    """Records the events, without the seconds."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Path, type[BaseException] | None]] = []
        self.engines = 0
        self.warm_ups: list[tuple[Path, int, type[LightshipError] | None]] = []

    def attempt_finished(self, path: Path, seconds: float, error: BaseException | None) -> None:
        assert seconds > 0
        self.attempts.append((path, None if error is None else type(error)))

    def engine_made(self, model: SavedModel, seconds: float) -> None:
        assert seconds > 0
        self.engines += 1

    def warm_up_finished(self, path: Path, records: int, seconds: float, error: LightshipError | None) -> None:
        assert seconds > 0
        self.warm_ups.append((path, records, None if error is None else type(error)))


def test_an_observer_is_notified_of_every_attempt(half_plus_two: Path, tmp_path: Path) -> None:
    observer = Observer()
    loader = Loader(observer=observer)
    loader.load(ServableId("half", 123), half_plus_two / "123").close()
    with pytest.raises(NotFound):
        loader.load(DOG, tmp_path)
    assert observer.attempts == [(half_plus_two / "123", None), (tmp_path, NotFound)]
    assert observer.engines == 1


def test_an_observer_is_notified_of_warm_up_files_that_have_calls(version: Path, half_plus_two: Path) -> None:
    def fail(servable: Servable, log: object) -> None:
        raise DataLoss("wrong")

    observer = Observer()
    loader = Loader(warm_up_call=lambda servable, log: None, observer=observer)
    loader.load(ServableId("half", 123), half_plus_two / "123").close()  # it has no warm-up file
    loader.load(DOG, version).close()
    assert observer.warm_ups == [(version, 1, None)]
    with pytest.raises(DataLoss, match="wrong"):
        Loader(warm_up_call=fail, observer=observer).load(DOG, version)
    assert observer.warm_ups[1:] == [(version, 0, DataLoss)]
    assert (version / WARM_UP_FILE).is_file()


def test_a_check_that_fails_ends_the_attempt(half_plus_two: Path) -> None:
    def refuse(folder: Path) -> None:
        raise FailedPrecondition(f"{folder.name} is refused")

    observer = Observer()
    with pytest.raises(FailedPrecondition, match="123 is refused"):
        Loader(checks=[refuse], observer=observer).load(ServableId("half", 123), half_plus_two / "123")
    assert observer.attempts == [(half_plus_two / "123", FailedPrecondition)]


def test_a_plain_saved_model_is_served_without_extras(half_plus_two: Path) -> None:
    servable = load_servable(ServableId("half", 123), half_plus_two / "123")
    assert servable.bundle.manifest is None
    y = servable.engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})["y"]
    assert y.tolist() == [[2.5]]
    servable.close()


def test_a_folder_without_a_model_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="should have a file called `saved_model.pb`"):
        load_servable(DOG, tmp_path)


@pytest.fixture(scope="module")
def choosy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of strings, which cannot be warmed up with anything guessed."""
    import tensorflow as tf

    module = tf.Module()
    signature = tf.function(
        lambda x: {"y": tf.strings.to_number(x)}, input_signature=[tf.TensorSpec([None], tf.string, "x")]
    )
    folder = tmp_path_factory.mktemp("choosy") / "1"
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})
    return folder


@pytest.mark.tensorflow
def test_what_cannot_be_warmed_up_is_served_all_the_same(choosy: Path) -> None:
    servable: Servable = load_servable(ServableId("choosy", 1), choosy)
    assert servable.engine.name == "tensorflow"
    assert servable.engine.run("serving_default", {"x": np.array([b"3"], object)})["y"].tolist() == [3.0]
    servable.close()


@pytest.mark.tensorflow
def test_a_signature_that_changes_variables_is_not_warmed_up(tmp_path: Path) -> None:
    save_counting_model(tmp_path / "1")
    servable = load_servable(ServableId("counting", 1), tmp_path / "1")
    x = {"x": np.zeros(1, np.float32)}
    assert servable.engine.run("add", x)["y"] == 0.0
    assert servable.engine.engine_of("serving_default") == "tensorflow"
    servable.close()
