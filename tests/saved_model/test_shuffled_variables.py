"""Variables are shuffled in place, and every runtime still loads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.errors import DataLoss
from lightship.saved_model.shuffled_variables import has_variables, shuffle_variables
from lightship.saved_model.tensor_bundle import check_variables

FLOATS = 8 + 108  # of the two variables of this model


@pytest.fixture
def version(saved_models: Path, tmp_path: Path) -> Path:
    (original,) = (saved_models / "odd").iterdir()
    return Path(shutil.copytree(original, tmp_path / "1"))


def numbers(version: Path) -> NDArray[np.float32]:
    """The two variables, which come first in the file."""
    return np.fromfile(version / "variables" / "variables.data-00000-of-00001", np.float32, FLOATS)


def test_the_numbers_of_each_variable_change_places(version: Path) -> None:
    before = numbers(version)
    assert shuffle_variables(version, 1) == 2
    after = numbers(version)
    for part in (slice(0, 8), slice(8, None)):
        np.testing.assert_array_equal(np.sort(after[part]), np.sort(before[part]))
        assert not np.array_equal(after[part], before[part])


def test_the_checksums_fit(version: Path) -> None:
    before = (version / "variables" / "variables.index").read_bytes()
    shuffle_variables(version, 1)
    check_variables(version)
    assert (version / "variables" / "variables.index").read_bytes() != before


def test_the_seed_decides(version: Path, tmp_path: Path) -> None:
    versions = [Path(shutil.copytree(version, tmp_path / name)) for name in ("2", "3", "4")]
    for one, seed in zip(versions, (5, 5, 6), strict=True):
        shuffle_variables(one, seed)
    first, same, other = map(numbers, versions)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_other_variables_stay_as_they_are(saved_models: Path, tmp_path: Path) -> None:
    """One has a single text."""
    (original,) = (saved_models / "identity").iterdir()
    copy = Path(shutil.copytree(original, tmp_path / "1"))
    assert shuffle_variables(copy, 1) == 0
    data = "variables/variables.data-00000-of-00001"
    assert (copy / data).read_bytes() == (original / data).read_bytes()
    check_variables(copy)


def test_a_version_without_variables_has_none(saved_models: Path, version: Path) -> None:
    (numbers_version,) = (saved_models / "numbers").iterdir()
    assert not has_variables(numbers_version)
    assert has_variables(version)


def test_a_broken_index_is_refused(version: Path) -> None:
    index = version / "variables" / "variables.index"
    index.write_bytes(index.read_bytes()[:-10])
    with pytest.raises(DataLoss):
        shuffle_variables(version, 1)


@pytest.mark.tensorflow
def test_tensorflow_restores_them(version: Path) -> None:
    """It checks each tensor, and the index, against its checksums."""
    from tensorflow.train import load_checkpoint

    shuffle_variables(version, 1)
    reader = load_checkpoint(str(version / "variables" / "variables"))
    restored = [reader.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE").reshape(-1) for name in ("weights", "filters")]
    np.testing.assert_array_equal(np.concatenate(restored), numbers(version))
