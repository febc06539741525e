"""Graphs of TensorFlow 1: signatures that begin in the midst of the graph, and tensors that no array can hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import InvalidArgument
from lightship.saved_model.reader import read_saved_model

pytestmark = pytest.mark.tensorflow

X = {"x": np.ones((1, 2), np.float32)}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """serving_default: code = 2 x; whole: code + 1; decode: the same from the code on; two with sparse tensors; scaled:
    x times a factor of 3 unless it is fed, as by_factor does; ill_typed: serving_default with its input declared int32.
    """
    import tensorflow as tf

    v1, folder = tf.compat.v1, tmp_path_factory.mktemp("graph") / "1"
    with tf.Graph().as_default(), v1.Session() as session:
        x, sparse = v1.placeholder(tf.float32, [None, 2]), v1.sparse_placeholder(tf.float32, [None, 2])
        code = 2.0 * x
        decoded = code + 1.0
        factor = v1.placeholder_with_default(3.0, [], name="factor")
        scaled = x * factor
        ends = {
            "serving_default": (x, code),
            "whole": (x, decoded),
            "decode": (code, decoded),
            "sparse_in": (sparse, tf.sparse.reduce_sum(sparse, 1)),
            "sparse_out": (x, tf.sparse.from_dense(x)),
        }
        tell, build, method = (
            v1.saved_model.build_tensor_info,
            v1.saved_model.build_signature_def,
            "tensorflow/serving/predict",
        )
        signatures = {name: build({"x": tell(one)}, {"y": tell(other)}, method) for name, (one, other) in ends.items()}
        signatures["scaled"] = build({"x": tell(x)}, {"y": tell(scaled)}, method)
        signatures["by_factor"] = build({"x": tell(x), "factor": tell(factor)}, {"y": tell(scaled)}, method)
        wrong = tell(x)
        wrong.dtype = tf.int32.as_datatype_enum
        signatures["ill_typed"] = build({"x": wrong}, {"y": tell(code)}, method)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
    return folder


@pytest.fixture(scope="module", params=["auto", "tensorflow"])
def graph(version: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = load_engine(version, read_saved_model(version), EngineOptions(engine=request.param))
    yield engine
    engine.close()


def test_a_signature_may_begin_in_the_midst_of_another(graph: Engine) -> None:
    assert graph.run("serving_default", X)["y"].tolist() == [[2.0, 2.0]]
    assert graph.run("whole", X)["y"].tolist() == [[3.0, 3.0]]
    assert graph.run("decode", X)["y"].tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("signature", ["sparse_in", "sparse_out"])
def test_sparse_tensors_are_refused_by_name(graph: Engine, signature: str) -> None:
    with pytest.raises(InvalidArgument, match=f'^signature "{signature}" has a sparse or composite tensor'):
        graph.run(signature, X)


def test_a_placeholder_keeps_its_default_when_another_signature_feeds_it(graph: Engine) -> None:
    assert graph.run("by_factor", X | {"factor": np.array(5, np.float32)})["y"].tolist() == [[5.0, 5.0]]
    assert graph.run("scaled", X)["y"].tolist() == [[3.0, 3.0]]


def test_a_placeholder_with_a_default_takes_any_shape(graph: Engine) -> None:
    factor = np.array([1, 2], np.float32)
    assert graph.run("by_factor", X | {"factor": factor})["y"].tolist() == [[1.0, 2.0]]


def test_a_signature_with_a_wrong_type_takes_what_its_graph_takes(graph: Engine) -> None:
    with pytest.raises(InvalidArgument, match=r"^Expects arg\[0\] to be float but int32 is provided$"):
        graph.run("ill_typed", {"x": np.ones((1, 2), np.int32)})
    assert graph.run("ill_typed", X)["y"].tolist() == [[2.0, 2.0]]
