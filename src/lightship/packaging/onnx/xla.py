"""Functions that are compiled by XLA, such as the grouped convolutions of Keras, in a conversion to ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightship.saved_model.reader import saved_model_bytes
from lightship.saved_model.stand_in import stand_in

_COMPILED = "_XlaMustCompile"


@contextmanager
def without_xla(folder: Path) -> Iterator[Path]:
    """Yields a folder with the same SavedModel, in which no function is to be compiled by XLA.

    tf2onnx converts a function only if TensorFlow puts it in place of its call. TensorFlow does not do so with a
    function of `tf.function(jit_compile=True)`.
    """
    given = saved_model_bytes(folder)
    if _COMPILED.encode() not in given:
        yield folder
        return
    with stand_in(folder, _without_xla(given)) as place:
        yield place


def _without_xla(saved_model_pb: bytes) -> bytes:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel.FromString(saved_model_pb)
    for graph in model.meta_graphs:
        functions = graph.graph_def.library.function
        for one in (*graph.graph_def.node, *functions, *(node for function in functions for node in function.node_def)):
            one.attr.pop(_COMPILED, None)
    return bytes(model.SerializeToString())
