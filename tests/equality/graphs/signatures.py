"""Models of TensorFlow 1 whose signatures are at odds with their graph, or with each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.equality.ask import Ask, Call, f32


def _save(folder: Path, session: Any, signatures: dict[str, Any]) -> None:
    import tensorflow as tf

    builder = tf.compat.v1.saved_model.Builder(str(folder))
    builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
    builder.save()


def _signature(inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    import tensorflow as tf

    return tf.compat.v1.saved_model.signature_def_utils.predict_signature_def(inputs, outputs)


def save_default(folder: Path) -> None:
    """A scale that one signature gives and the other leaves at its default."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        scale = tf.compat.v1.placeholder_with_default(3.0, [], "scale")
        y = x * scale
        signatures = {
            "serving_default": _signature({"x": x}, {"y": y}),
            "scaled": _signature({"x": x, "scale": scale}, {"y": y}),
        }
        _save(folder, session, signatures)


def save_ill_typed(folder: Path) -> None:
    """A signature that declares int32 where the placeholder is float32, beside one that is right."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        z = tf.compat.v1.placeholder(tf.float32, [None], "z")
        wrong = _signature({"z": z}, {"y": z * 2.0})
        wrong.inputs["z"].dtype = tf.int32.as_datatype_enum
        _save(folder, session, {"serving_default": _signature({"x": x}, {"y": x * 2.0}), "wrong": wrong})


def _call(signature: str, **inputs: Any) -> Call:
    return Call({name: f32(value) for name, value in inputs.items()}, signature=signature)


ASKS: list[Ask] = [
    Ask(
        "placeholder_with_default",
        None,
        {},
        (
            _call("serving_default", x=[1]),
            _call("scaled", x=[1, 2], scale=5),
            _call("serving_default", x=[1, 2]),
            _call("scaled", x=[1], scale=-1),
        ),
        save=save_default,
    ),
    Ask(
        "beside_an_ill_typed_signature",
        None,
        {},
        (_call("serving_default", x=[1]), _call("serving_default", x=[1, 2, 3])),
        save=save_ill_typed,
    ),
]
