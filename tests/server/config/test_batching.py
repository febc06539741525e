"""Batching parameters that cannot be are found while loading, in TensorFlow Serving's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.errors import InvalidArgument, NotFound
from lightship.lifecycle import Loader, ServableId
from lightship.server.config.batching import (
    WITHOUT_FILE,
    check_version_batching,
    read_batching_parameters,
    version_parameters,
)
from lightship.server.config.files import InvalidConfigFile

GOOD = (
    "max_batch_size { value: 128 } batch_timeout_micros { value: 0 } max_enqueued_batches { value: 1000000 } "
    "num_batch_threads { value: 8 } allowed_batch_sizes: 2 allowed_batch_sizes: 128 pad_variable_length_inputs: true"
)
WRONG = [
    (
        "max_batch_size { value: 16 } allowed_batch_sizes: [2, 8]",
        "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 16",
    ),
    (
        "allowed_batch_sizes: 8",
        "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 1000",
    ),
    ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
    ("max_batch_size { value: 0 }", "input_batch_size_limit must be positive; was 0"),
    ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
    (
        "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 0 }",
        "max_execution_batch_size must be positive; was 0",
    ),
]


def written(folder: Path, text: str) -> str:
    file = folder / "batching_params.pbtxt"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("text", ["", GOOD, "allowed_batch_sizes: 1000"])
def test_good_parameters_pass(tmp_path: Path, text: str) -> None:
    read_batching_parameters(written(tmp_path, text))


def test_every_field_is_read(tmp_path: Path) -> None:
    text = (
        "max_batch_size { value: 128 } batch_timeout_micros { value: 500 } max_enqueued_batches { value: 3 } "
        "num_batch_threads { value: 8 } thread_pool_name { value: 'pool' } allowed_batch_sizes: [2, 128] "
        "pad_variable_length_inputs: true enable_large_batch_splitting { value: true } "
        "max_execution_batch_size { value: 16 }"
    )
    assert read_batching_parameters(written(tmp_path, text)) == BatchingParameters(
        max_batch_size=128,
        batch_timeout_micros=500,
        max_enqueued_batches=3,
        num_batch_threads=8,
        thread_pool_name="pool",
        allowed_batch_sizes=(2, 128),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
    )


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    assert read_batching_parameters(written(tmp_path, "")) == BatchingParameters()
    assert BatchingParameters(thread_pool_name="model_server_batch_threads") == WITHOUT_FILE


def test_a_version_without_a_file_has_no_parameters(tmp_path: Path) -> None:
    assert version_parameters(tmp_path) is None
    written(tmp_path, "max_batch_size { value: 4 }")
    assert version_parameters(tmp_path) == BatchingParameters(max_batch_size=4)


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_parameters_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_batching_parameters(written(tmp_path, text))
    assert caught.value.message == message


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigFile) as caught:
        read_batching_parameters(written(tmp_path, "max_batch_size: 3"))
    assert caught.value.parser.startswith("Error parsing text-format tensorflow.serving.BatchingParameters: 1:")
    with pytest.raises(NotFound):
        read_batching_parameters(f"{tmp_path}/none")


def test_a_versions_own_file_is_checked_before_it_is_loaded(tmp_path: Path) -> None:
    loader = Loader(checks=[check_version_batching])
    with pytest.raises(NotFound):  # the folder has no SavedModel
        loader.load(ServableId("m", 1), tmp_path)
    written(tmp_path, WRONG[0][0])
    with pytest.raises(InvalidArgument, match="Last entry"):
        loader.load(ServableId("m", 1), tmp_path)
