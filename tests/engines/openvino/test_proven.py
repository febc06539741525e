"""What is not in the table of proven operations does not run on OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.asking import Ask, save

from lightship.bundle.saved_model import DEFAULT_SIGNATURE, read_graph, read_saved_model
from lightship.bundle.signature_graph import Operation, operations_of
from lightship.engines import EngineOptions, load_engine
from lightship.engines.openvino.proven import canonical_equation, unproven
from lightship.errors import FailedPrecondition


def _operation(op: str, operands: tuple[bool, ...] = (False,), **attributes: Any) -> Operation:
    return Operation(op, "node", attributes, operands)


def test_operations_types_and_attributes_must_be_in_the_table() -> None:
    assert unproven([_operation("Relu", T="float")]) is None
    assert "Relu of these types (T=double)" in str(unproven([_operation("Relu", T="double")]))
    assert str(unproven([_operation("Unique", T="float")])).startswith("Unique is not proven")
    pool = {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "VALID"}
    assert unproven([_operation("MaxPool", **pool)]) is None
    assert "data_format=NCHW" in str(unproven([_operation("MaxPool", **pool, data_format="NCHW")]))


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


def test_gathering_constants_by_constants_is_not_checked_by_openvino(tmp_path: Path) -> None:
    import tensorflow as tf

    ask = Ask(
        lambda x: tf.gather(tf.constant([10, 20, 30]), [9]) + x, [("x", "int32", [None])], [], engine="tensorflow"
    )
    save(ask, tmp_path / "1")
    engine = load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"))
    assert engine.engine_of(DEFAULT_SIGNATURE) == "tensorflow"
    engine.close()


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


def test_an_allowed_operation_runs_on_openvino(tmp_path: Path) -> None:
    import tensorflow as tf

    save(Ask(lambda x: tf.debugging.check_numerics(x, "bad") + 1, [("x", "float32", [None])], []), tmp_path / "1")
    model = read_saved_model(tmp_path / "1")
    options = EngineOptions(engine="openvino", allow_unproven=frozenset({"CheckNumerics"}))
    engine = load_engine(tmp_path / "1", model, options)
    assert engine.run(DEFAULT_SIGNATURE, {"x": np.ones(2, np.float32)})["y"].tolist() == [2.0, 2.0]
    engine.close()
