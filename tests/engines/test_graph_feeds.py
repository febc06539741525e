"""Graphs of TensorFlow 1: signatures that begin in the midst of the graph, and tensors that no array can hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lightship.bundle.saved_model import read_saved_model
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import InvalidArgument

X = {"x": np.ones((1, 2), np.float32)}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """serving_default: code = 2 x; whole: code + 1; decode: the same from the code on; and two with sparse tensors."""
    import tensorflow as tf

    v1, folder = tf.compat.v1, tmp_path_factory.mktemp("graph") / "1"
    with tf.Graph().as_default(), v1.Session() as session:
        x, sparse = v1.placeholder(tf.float32, [None, 2]), v1.sparse_placeholder(tf.float32, [None, 2])
        code = 2.0 * x
        decoded = code + 1.0
        ends = {
            "serving_default": (x, code),
            "whole": (x, decoded),
            "decode": (code, decoded),
            "sparse_in": (sparse, tf.sparse.reduce_sum(sparse, 1)),
            "sparse_out": (x, tf.sparse.from_dense(x)),
        }
        tell = v1.saved_model.build_tensor_info
        signatures = {
            name: v1.saved_model.build_signature_def({"x": tell(one)}, {"y": tell(other)}, "tensorflow/serving/predict")
            for name, (one, other) in ends.items()
        }
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
