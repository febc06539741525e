"""The older layout: `model/` and `classes.pickle`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.packaging.conftest import entries, signature
from tests.training.small_models import PETS, SIZE, labelled, small_network

import lightship
from lightship.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from lightship.packaging.legacy_frame import read_classes_pickle
from lightship.training.classic import classes_pickle
from lightship.training.network import with_classifier

INPUTS = (labelled(1)[0] / np.float32(127.5) - 1).astype(np.float32)


@pytest.fixture(scope="module")
def transfer() -> lightship.TransferModel:
    return lightship.TransferModel(with_classifier(small_network(), 3), PETS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, transfer: lightship.TransferModel) -> Path:
    return transfer.save(str(tmp_path_factory.mktemp("models") / "cars") + "/", layout="classic", keep_keras=True)


def test_the_folder_has_a_saved_model_and_the_classes(folder: Path, transfer: lightship.TransferModel) -> None:
    assert entries(folder) == {"model", "classes.pickle"}
    assert {"saved_model.pb", "variables"} <= entries(folder / "model")
    (answers,) = signature(folder / "model")(photo=INPUTS).values()
    assert np.allclose(answers, transfer.predict(INPUTS), atol=1e-6)


def test_pandas_reads_the_classes(folder: Path) -> None:
    pd.testing.assert_frame_equal(pd.read_pickle(folder / "classes.pickle"), pd.DataFrame({"classes": PETS}))


def test_the_classes_are_written_without_pandas_and_read_without_running_anything(tmp_path: Path) -> None:
    labels = [f"class {number} é \U0001f697" for number in range(3000)]
    (tmp_path / "classes.pickle").write_bytes(classes_pickle(labels))
    assert read_classes_pickle(tmp_path / "classes.pickle") == tuple(labels)


@pytest.mark.parametrize("value", [b"X\x03\x00\x00\x00abc", b"]K\x01a"], ids=["text", "numbers"])
def test_other_values_of_the_column_are_refused(tmp_path: Path, value: bytes) -> None:
    data = b"\x80\x02cpandas\nDataFrame\n}X\x07\x00\x00\x00classes" + value + b"s\x85R."
    (tmp_path / "classes.pickle").write_bytes(data)
    with pytest.raises(InvalidArgument, match="the column 'classes' contains a"):
        read_classes_pickle(tmp_path / "classes.pickle")


def test_it_is_loaded_and_trained_further(folder: Path, transfer: lightship.TransferModel) -> None:
    loaded = lightship.TransferModel().load(folder)
    assert loaded.classes == tuple(PETS)
    assert np.array_equal(loaded.predict(INPUTS), transfer.predict(INPUTS))
    loaded.compile()
    loaded.train((INPUTS, labelled(1)[1]), epochs=1, verbose=0)
    assert not np.array_equal(loaded.predict(INPUTS), transfer.predict(INPUTS))


def test_it_is_exported_to_a_version_that_can_be_trained_further(folder: Path, tmp_path: Path) -> None:
    version = lightship.export(folder, tmp_path / "cars", image=lightship.ImageSpec(preprocessing="resnet_v2"))
    loaded = lightship.TransferModel().load(version)
    assert loaded.classes == tuple(PETS)
    assert loaded.freeze.trainable_weights > 0
    assert loaded.shape == (SIZE, SIZE, 3)


def test_a_folder_that_exists_is_refused_and_left_alone(folder: Path, transfer: lightship.TransferModel) -> None:
    before = (folder / "classes.pickle").stat().st_mtime_ns
    with pytest.raises(AlreadyExists, match="cars exists already"):
        transfer.save(folder, layout="classic")
    assert (folder / "classes.pickle").stat().st_mtime_ns == before


def test_what_the_layout_has_not_is_refused(tmp_path: Path, transfer: lightship.TransferModel) -> None:
    with pytest.raises(InvalidArgument, match="version, explain and overwrite are for layout='bundle'"):
        transfer.save(tmp_path / "cars", version=2, layout="classic")
    with pytest.raises(FailedPrecondition, match="needs classes"):
        lightship.TransferModel(transfer.model).save(tmp_path / "cars", layout="classic")
    with pytest.raises(InvalidArgument, match="layout is 'clasic'; give 'bundle' or 'classic'"):
        transfer.save(tmp_path / "cars", layout="clasic")  # type: ignore[arg-type]
    assert entries(tmp_path) == set()
