"""Batching parameters: their defaults, and what is refused with TensorFlow Serving's texts."""

from __future__ import annotations

from typing import Any

import pytest

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.errors import InvalidArgument
from lightship.processors import available_cpus


def test_the_defaults_are_those_of_tensorflow_serving() -> None:
    parameters = BatchingParameters()
    assert (parameters.max_batch_size, parameters.batch_timeout_micros, parameters.max_enqueued_batches) == (
        1000,
        0,
        10,
    )
    assert (parameters.threads, parameters.thread_pool_name) == (available_cpus(), "batch_threads")
    assert not parameters.pad_variable_length_inputs
    assert not parameters.enable_large_batch_splitting
    assert parameters.filled_size(7) == 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"max_batch_size": 16, "allowed_batch_sizes": (2, 8)},
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 16",
        ),
        ({"max_batch_size": 0}, "input_batch_size_limit must be positive; was 0"),
        ({"batch_timeout_micros": -1}, "batch_timeout_micros must be non-negative; was -1"),
        ({"max_enqueued_batches": -1}, "max_enqueued_batches must be non-negative; was -1"),
        (
            {"enable_large_batch_splitting": True, "max_batch_size": 4, "max_execution_batch_size": 5},
            "max_execution_batch_size must be positive and at most max_batch_size, 4; was 5",
        ),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        BatchingParameters(**values)
    assert caught.value.message == message


def test_a_batch_is_filled_up_to_the_next_allowed_size() -> None:
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
    assert [parameters.filled_size(rows) for rows in (1, 2, 3, 4, 5, 8)] == [2, 2, 4, 4, 8, 8]


def test_a_batch_larger_than_every_allowed_size_stays_as_it_is() -> None:
    assert BatchingParameters(max_batch_size=8, allowed_batch_sizes=(8,)).filled_size(9) == 9


def test_the_execution_size_counts_only_with_splitting() -> None:
    sizes = {"max_batch_size": 8, "max_execution_batch_size": 2}
    assert BatchingParameters(**sizes).batch_limit == 8
    assert BatchingParameters(**sizes, enable_large_batch_splitting=True).batch_limit == 2
    assert BatchingParameters(max_batch_size=8, enable_large_batch_splitting=True).batch_limit == 8
