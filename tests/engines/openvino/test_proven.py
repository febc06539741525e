"""What is not in the table of proven operations does not run on OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.asking import Ask, save

from lightship.engines import EngineOptions, load_engine
from lightship.engines.openvino.proven import canonical_equation, unproven
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.reader import read_graph, read_saved_model
from lightship.saved_model.signature_graph import Operation, operations_of
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


def _operation(op: str, operands: tuple[bool, ...] = (False,), **attributes: Any) -> Operation:
    return Operation(op, "node", attributes, operands)


def test_operations_types_and_attributes_must_be_in_the_table() -> None:
    assert unproven([_operation("Relu", T="float")]) is None
    assert "Relu of these types (T=double)" in str(unproven([_operation("Relu", T="double")]))
    assert str(unproven([_operation("Unique", T="float")])).startswith("Unique is not proven")
    pool = {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "VALID"}
    assert unproven([_operation("MaxPool", **pool)]) is None
    assert "data_format=NCHW" in str(unproven([_operation("MaxPool", **pool, data_format="NCHW")]))


def test_attributes_that_are_written_out_with_their_defaults_are_as_those_left_out() -> None:
    left_out = {"T": "float"}
    written = {**left_out, "transpose_a": False, "transpose_b": False, "grad_a": False, "grad_b": False}
    assert unproven([_operation("MatMul", **left_out)]) is None
    assert unproven([_operation("MatMul", **written)]) is None
    assert unproven([_operation("ArgMax", T="float", Tidx="int32", output_type="int64")]) is None


def test_a_default_that_was_not_tried_is_not_proven_by_being_left_out() -> None:
    types = {"T": "float", "U": "float"}
    assert unproven([_operation("FusedBatchNormV3", **types, is_training=False)]) is None
    assert "is_training=True" in str(unproven([_operation("FusedBatchNormV3", **types)]))


@pytest.mark.parametrize("op", ["AddN", "ClipByValue"])
def test_what_openvino_repeats_where_tensorflow_refuses_is_not_in_the_table(op: str) -> None:
    assert unproven([_operation(op, T="float")]) is not None


@pytest.mark.tensorflow
def test_constant_indices_are_proven_where_they_are_known_to_point_inside(tmp_path: Path) -> None:
    import tensorflow as tf

    def rows(last: int) -> Ask:
        table = tf.constant(np.ones((10, 4), np.float32))
        return Ask(
            lambda x: (
                x + tf.gather(table, tf.range(tf.constant(0), last, 1)) + tf.gather_nd(table, [[0], [last - 1]])[0]
            ),
            [("x", "float32", [None, last, 4])],
            [],
        )

    for last, reason in ((10, ""), (11, "GatherV2 with only constant inputs is not checked by OpenVINO (GatherV2)")):
        save(rows(last), tmp_path / str(last))
        model = read_saved_model(tmp_path / str(last))
        signature = model.signatures[DEFAULT_SIGNATURE]
        assert (unproven(operations_of(read_graph(tmp_path / str(last)), signature)) or "") == reason


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_the_builder_of_tensorflow_1_runs_on_openvino(tmp_path: Path) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4])
        y = tf.reduce_mean(tf.matmul(x, tf.ones([4, 3])), 1)
        builder = v1.saved_model.Builder(str(tmp_path / "1"))
        signatures = {DEFAULT_SIGNATURE: v1.saved_model.predict_signature_def({"x": x}, {"y": y})}
        builder.add_meta_graph_and_variables(session, ["serve"], signatures, strip_default_attrs=False)
        builder.save()
    engine = load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"), EngineOptions(trust=True))
    assert engine.engine_of(DEFAULT_SIGNATURE) == "openvino"
    assert engine.run(DEFAULT_SIGNATURE, {"x": np.ones((2, 4), np.float32)})["y"].tolist() == [4, 4]
    engine.close()


@pytest.mark.tensorflow
def test_letters_of_two_sizes_in_an_einsum_are_left_to_tensorflow(tmp_path: Path) -> None:
    import tensorflow as tf

    ask = Ask(
        lambda a, b: tf.einsum("bij,bjk->bik", a, b),
        [("a", "float32", [None, 2, 3]), ("b", "float32", [None, 3, 4])],
        [],
        engine="openvino",
    )
    save(ask, tmp_path / "1")
    engine = load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"))
    with pytest.raises(InvalidArgument):
        engine.run(DEFAULT_SIGNATURE, {"a": np.ones((1, 2, 3), np.float32), "b": np.ones((3, 3, 4), np.float32)})
    engine.close()


@pytest.mark.parametrize(
    "op",
    ["CheckNumerics", "EnsureShape", "Assert", "Unique", "UniqueWithCounts", "LRN", "CTCGreedyDecoder", "ScatterNd"],
)
def test_what_openvino_gets_wrong_is_not_in_the_table(op: str) -> None:
    assert unproven([_operation(op, T="float")]) is not None


def test_an_operation_can_be_allowed_by_name() -> None:
    assert unproven([_operation("Unique", T="float")], frozenset({"Unique"})) is None


def test_equations_are_compared_by_the_places_of_their_letters() -> None:
    assert canonical_equation("BTNH,BSNH->BNTS") == canonical_equation("xyzw,xvzw->xzyv")
    assert canonical_equation("xy,yz->xz") == "ab,bc->ac"


@pytest.mark.tensorflow
def test_gathering_constants_by_constants_is_not_checked_by_openvino(tmp_path: Path) -> None:
    import tensorflow as tf

    ask = Ask(
        lambda x: tf.gather(tf.constant([10, 20, 30]), [9]) + x, [("x", "int32", [None])], [], engine="tensorflow"
    )
    save(ask, tmp_path / "1")
    engine = load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"))
    assert engine.engine_of(DEFAULT_SIGNATURE) == "tensorflow"
    engine.close()


@pytest.mark.tensorflow
def test_checks_that_only_have_to_run_before_count_too(tmp_path: Path) -> None:
    import tensorflow as tf

    def checked(x: Any) -> Any:
        tf.debugging.assert_positive(x)
        return 2.0 * x

    save(Ask(checked, [("x", "float32", [None])], []), tmp_path / "1")
    signature = read_saved_model(tmp_path / "1").signatures[DEFAULT_SIGNATURE]
    assert "Assert" in {one.op for one in operations_of(read_graph(tmp_path / "1"), signature)}
    with pytest.raises(FailedPrecondition, match="needs TensorFlow: .* is not proven to give TensorFlow's answers"):
        load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"), EngineOptions(engine="openvino"))


@pytest.mark.tensorflow
def test_an_allowed_operation_runs_on_openvino(tmp_path: Path) -> None:
    import tensorflow as tf

    save(Ask(lambda x: tf.debugging.check_numerics(x, "bad") + 1, [("x", "float32", [None])], []), tmp_path / "1")
    model = read_saved_model(tmp_path / "1")
    options = EngineOptions(engine="openvino", allow_unproven=frozenset({"CheckNumerics"}))
    engine = load_engine(tmp_path / "1", model, options)
    assert engine.run(DEFAULT_SIGNATURE, {"x": np.ones(2, np.float32)})["y"].tolist() == [2.0, 2.0]
    engine.close()


@pytest.mark.tensorflow
def test_a_divisor_below_one_is_not_taken_for_zero(tmp_path: Path) -> None:
    ask = Ask(lambda x, y: x / y, [("x", "float32", [None]), ("by", "float32", [None])], [], engine="openvino")
    save(ask, tmp_path / "1")
    engine = load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"), EngineOptions(engine="openvino", trust=True))
    ones = np.ones(2, np.float32)
    assert engine.run(DEFAULT_SIGNATURE, {"x": ones, "by": np.float32([0.5, -0.25])})["y"].tolist() == [2, -4]
    with pytest.raises(FailedPrecondition, match="divides by 0, whose sign OpenVINO does not keep"):
        engine.run(DEFAULT_SIGNATURE, {"x": ones, "by": np.float32([0.5, 0])})
    engine.close()
