import math

import ml_dtypes
import numpy as np
import pytest

from lightship.engines.comparison import FREE_IMAGE_SIZE, compare, differences, random_inputs, whole_numbers
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType

FLOAT, INT64 = DataType.DT_FLOAT, DataType.DT_INT64


def difference(expected, answer, rtol=None, atol=None):
    return compare(expected, answer, rtol, atol).difference


def signature(**inputs: tuple[DataType, tuple[int, ...] | None]) -> Signature:
    specs = {name: TensorSpec(name, dtype, shape, f"{name}:0") for name, (dtype, shape) in inputs.items()}
    return Signature("serving_default", "", specs, {}, None)


def made_up(rows: int = 3, **inputs: tuple[DataType, tuple[int, ...] | None]):
    return random_inputs(signature(**inputs), rows, np.random.default_rng(1))


def test_random_inputs_have_the_declared_types_and_shapes():
    arrays = made_up(a=(FLOAT, (-1, 4)), b=(INT64, (-1, -1)), c=(DataType.DT_BOOL, ()), d=(FLOAT, (2, -1)))
    assert {name: (array.dtype.name, array.shape) for name, array in arrays.items()} == {
        "a": ("float32", (3, 4)),
        "b": ("int64", (3, 7)),
        "c": ("bool", ()),
        "d": ("float32", (2, 7)),
    }


@pytest.mark.parametrize("dtype", ["DT_DOUBLE", "DT_HALF", "DT_BFLOAT16", "DT_COMPLEX64", "DT_UINT64", "DT_INT8"])
@pytest.mark.parametrize("shape", [(), (-1, 5)])
def test_random_inputs_are_made_for_every_type_of_numbers(dtype, shape):
    array = made_up(x=(DataType[dtype], shape))["x"]
    assert array.dtype == DataType[dtype].numpy
    assert array.ndim == len(shape)


def test_random_floats_have_both_signs_and_random_integers_stay_within_any_table():
    arrays = made_up(rows=100, x=(FLOAT, (-1, 10)), ids=(INT64, (-1, 10)))
    assert (arrays["x"] < 0).any()
    assert (arrays["x"] > 0).any()
    assert set(arrays["ids"].ravel().tolist()) == {0, 1}


def test_random_images_look_like_images():
    arrays = made_up(x=(FLOAT, (-1, -1, -1, 3)), y=(DataType.DT_UINT8, (-1, 8, 8, 3)))
    assert arrays["x"].shape == (3, FREE_IMAGE_SIZE, FREE_IMAGE_SIZE, 3)
    assert 0 <= arrays["x"].min() < arrays["x"].max() <= 1
    assert arrays["y"].max() > 200


@pytest.mark.parametrize(
    "spec",
    [
        (DataType.DT_STRING, (-1,)),
        (FLOAT, None),
        (DataType.DT_RESOURCE, ()),
        (FLOAT, (-1, 1 << 30)),
        (FLOAT, (1,) * 33),
    ],
)
def test_no_guess_is_made_where_none_is_possible(spec):
    assert made_up(x=spec) is None


def test_a_sparse_input_has_no_guess():
    one = Signature("serving_default", "", {"x": TensorSpec("x", FLOAT, (-1, 2), "")}, {}, None)
    assert random_inputs(one, 1, np.random.default_rng(1)) is None


def test_the_same_seed_gives_the_same_inputs():
    np.testing.assert_array_equal(made_up(x=(FLOAT, (-1, 4)))["x"], made_up(x=(FLOAT, (-1, 4)))["x"])


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ([1.0, 100.0], [1.0005, 100.05]),
        ([0.0, 5e-5], [5e-5, 0.0]),
        ([np.nan, np.inf, -np.inf], [np.nan, np.inf, -np.inf]),
    ],
)
def test_floats_within_the_tolerance_are_equal(expected, answer):
    assert difference({"y": np.float32(expected)}, {"y": np.float32(answer)}) is None


@pytest.mark.parametrize(
    ("expected", "answer", "reason"),
    [
        (np.float32([[1, 2]]), np.float32([[1, 2.01]]), 'output "y" at [0,1] is 2.01 instead of 2'),
        (np.float32([np.nan]), np.float32([0]), 'output "y" at [0] is 0 instead of nan'),
        (np.float32([1]), np.float32([np.nan]), 'output "y" at [0] is nan instead of 1'),
        (np.float32([np.inf]), np.float32([3e38]), 'output "y" at [0] is 3e+38 instead of inf'),
        (np.float32(2), np.float32(3), 'output "y" is 3 instead of 2'),
        (np.int64([0, 2**62 + 1]), np.int64([0, 2**62]), f'output "y" at [1] is {2**62} instead of {2**62 + 1}'),
        (np.array([True]), np.array([False]), 'output "y" at [0] is False instead of True'),
        (np.int32([1]), np.int64([1]), 'output "y" is int64 instead of int32'),
        (np.zeros((2, 3)), np.zeros((3, 2)), 'output "y" has shape [3,2] instead of [2,3]'),
        (np.zeros((0, 2)), np.zeros((1, 2)), 'output "y" has shape [1,2] instead of [0,2]'),
        (np.array([b"a"], object), np.array([b"a\0"], object), "output \"y\" at [0] is b'a\\x00' instead of b'a'"),
    ],
)
def test_a_difference_says_where_and_what(expected, answer, reason):
    assert str(difference({"y": expected}, {"y": answer})) == reason


def test_texts_are_compared_as_their_bytes():
    assert difference({"y": np.array(["é"], object)}, {"y": np.array(["é".encode()], object)}) is None


def test_a_missing_and_an_added_output_are_differences():
    y = np.zeros(1)
    assert str(difference({"y": y}, {})) == 'output "y" is missing; the outputs are none'
    assert str(difference({"y": y}, {"y": y, "z": y})) == 'output "z" is not expected'


def test_the_largest_difference_is_measured_where_the_answers_are_equal_too():
    found = compare({"y": np.float64([1, 4])}, {"y": np.float64([1, 4.002])})
    assert found.difference is None
    assert found.absolute == pytest.approx(0.002)
    assert found.relative == pytest.approx(0.0005)


def test_integers_are_measured_without_wrapping():
    found = compare({"y": np.int64([-(2**63)])}, {"y": np.int64([2**63 - 1])})
    assert found.absolute == float(2**64 - 1)
    assert found.relative == pytest.approx(2)


def test_other_shapes_are_infinitely_far():
    assert compare({"y": np.zeros(1)}, {"y": np.zeros(2)}).absolute == math.inf


def test_the_tolerance_can_be_given():
    answers = {"y": np.float32([1])}, {"y": np.float32([1.0005])}
    assert difference(*answers) is None
    assert difference(*answers, rtol=0, atol=1e-5) is not None


def test_small_numbers_among_large_ones_may_differ_more_where_they_are_sums_that_cancel():
    wanted, near, far = (np.float32([50, -30, value]) for value in (0.01, 0.012, 0.03))
    assert compare({"y": wanted}, {"y": near}).difference == 'output "y" at [2] is 0.012 instead of 0.01'
    assert compare({"y": wanted}, {"y": near}, scaled=("y",)).difference is None
    assert compare({"y": wanted}, {"y": far}, scaled=("y",)).difference is not None
    assert compare({"y": wanted / 1000}, {"y": near / 1000 + 1e-3}, scaled=("y",)).difference is not None


@pytest.mark.parametrize(("dtype", "step"), [(np.float16, 2**-10), (ml_dtypes.bfloat16, 2**-7)])
def test_narrow_floats_may_differ_by_two_steps_unless_a_tolerance_is_given(dtype, step):
    expected, two, four = (np.array([100 * value]).astype(dtype) for value in (1, 1 + step, 1 + 4 * step))
    assert difference({"y": expected}, {"y": two}) is None
    assert difference({"y": expected}, {"y": four}) is not None
    assert difference({"y": expected}, {"y": two}, rtol=step / 2) is not None


def test_differences_say_how_far_apart_at_most():
    said = differences({"y": np.float32([1, 2, 3])}, {"y": np.float32([1, 2.5, 2])})
    assert said == 'output "y" at [2] is 2 instead of 3 (differs by up to 1)'
    assert differences({"y": np.float32([1])}, {"y": np.float32([[1]])}) == 'output "y" has shape [1,1] instead of [1]'
    assert differences({"y": np.float32([1])}, {"y": np.float32([1.5])}, rtol=0, atol=0.5) is None


def test_whole_numbers_of_a_single_number_are_an_array():
    """Onnxruntime takes no number of numpy in place of an array."""
    made = whole_numbers({"a": np.array(0.9, np.float32)})["a"]
    assert isinstance(made, np.ndarray)
    assert (made.dtype, made.shape, made.item()) == (np.float32, (), 1.0)


def test_whole_numbers_are_zeros_and_ones_of_the_same_type():
    made = whole_numbers({"a": np.float32([[0.1, -2.0]]), "b": np.int64([7])})
    assert made["a"].tolist() == [[0.0, 1.0]]
    assert (made["a"].dtype, made["b"].tolist()) == (np.float32, [7])


def test_an_output_of_a_narrow_type_may_come_in_a_wider_one():
    one, next_one = {"y": np.float32([1.0])}, {"y": np.float32([1.0078125])}  # a step of bfloat16
    assert compare(one, next_one).difference is not None
    assert compare(one, next_one, types={"y": DataType.DT_BFLOAT16}).difference is None
    assert compare(one, next_one, types={"y": DataType.DT_HALF}).difference is not None
