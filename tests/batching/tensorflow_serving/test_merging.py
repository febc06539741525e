"""How inputs of several calls become one, filled up in rows and in lengths, and outputs are divided again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.batching import EngineCall
from lightship.batching.tensorflow_serving.merging import divided, merged
from lightship.batching.tensorflow_serving.tasks import Task
from lightship.errors import FailedPrecondition, InvalidArgument, TooLarge
from lightship.memory_budget import NOT_COUNTED, MemoryBudget


def tasks_of(*arrays: Any, dtype: Any = np.float32) -> list[Task]:
    made = [np.asarray(array, dtype) for array in arrays]
    return [Task(EngineCall("s", {}), {"x:0": array}, len(array), [].append) for array in made]


def together(*arrays: Any, size: int = 0, pad: bool = False, dtype: Any = np.float32) -> NDArray[Any]:
    return merged(tasks_of(*arrays, dtype=dtype), size, NOT_COUNTED, pad=pad)["x:0"]


def test_rows_follow_each_other() -> None:
    assert together([[1, 2]], [[3, 4], [5, 6]]).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_further_rows_repeat_the_first_row_of_the_last_call() -> None:
    assert together([[1]], [[2], [3]], size=5).tolist() == [[1], [2], [3], [2], [2]]
    assert together([[1], [2]], size=3).tolist() == [[1], [2], [1]]


def test_calls_without_rows_give_none_to_repeat() -> None:
    assert together([[1], [2]], np.zeros((0, 1)), size=4).tolist() == [[1], [2], [1], [1]]
    assert together(np.zeros((0, 1)), size=4).shape == (0, 1)


def test_shorter_rows_are_filled_up_with_their_calls_first_element() -> None:
    joined = together([[1, 2, 3]], [[4], [5]], pad=True)
    assert joined.tolist() == [[1, 2, 3], [4, 4, 4], [5, 4, 4]]


def test_strings_are_filled_up_too() -> None:
    joined = together([[b"a", b"b"]], [[b"c\0"]], pad=True, size=3, dtype=object)
    assert joined.tolist() == [[b"a", b"b"], [b"c\0", b"c\0"], [b"c\0", b"c\0"]]


@pytest.mark.parametrize("rank", range(1, 7))
def test_every_rank_from_one_to_six_is_filled_up(rank: int) -> None:
    small, large = np.ones((1,) * rank), np.zeros((1,) + (2,) * (rank - 1))
    joined = together(small, large, pad=True)
    assert joined.shape == (2,) + (2,) * (rank - 1)
    assert joined[0].all()
    assert not joined[1].any()


def test_rank_seven_is_not_filled_up() -> None:
    with pytest.raises(InvalidArgument) as caught:
        together(np.ones((1,) * 7), np.ones((1,) * 6 + (2,)), pad=True)
    assert caught.value.message == "Only tensors with rank from 1 to 6 can be padded."
    assert together(np.ones((1,) * 7), np.ones((1,) * 7), pad=True).shape == (2,) + (1,) * 6


def test_an_empty_tensor_has_nothing_to_fill_up_with() -> None:
    with pytest.raises(InvalidArgument) as caught:
        together(np.ones((1, 2)), np.ones((1, 0)), pad=True)
    assert caught.value.message == "Got empty tensor in batch of non-empty tensors."


def test_different_shapes_fail_where_padding_is_off() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        together([[1, 2]], [[1]])
    assert caught.value.message == (
        "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off. Set "
        "pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions "
        "starting with the first dim."
    )


def test_different_ranks_fail_with_padding_too() -> None:
    with pytest.raises(FailedPrecondition, match="'x:0' from different tasks have different numbers of dimensions"):
        together([[1]], [1], pad=True)


def test_what_filling_up_takes_is_counted_before_it_is_allocated() -> None:
    budget = MemoryBudget(1 << 20)
    with budget.reservation() as memory, pytest.raises(TooLarge):
        merged(tasks_of(np.ones((1, 1000))), 1000, memory, pad=False)
    assert budget.taken == 0


def test_each_call_gets_its_own_rows() -> None:
    tasks = tasks_of([[1]], [[2], [3]])
    first, second = divided({"y:0": np.arange(5)}, tasks, 5)
    assert first["y:0"].tolist() == [0]
    assert second["y:0"].tolist() == [1, 2]


def test_an_output_without_dimensions_cannot_be_divided() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        divided({"y:0": np.asarray(1.0)}, tasks_of([[1]]), 1)
    assert caught.value.message == "Batched output tensor has 0 dimensions"


def test_an_output_with_another_number_of_rows_cannot_be_divided() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        divided({"y:0": np.arange(3)}, tasks_of([[1], [2]]), 2)
    assert caught.value.message == (
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors"
    )
