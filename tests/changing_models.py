"""SavedModels whose signatures change variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save_counting_model(folder: Path) -> None:
    """add adds x to an amount, maybe does if x > 0, serving_default adds 1, total reads it; scale reads another.

    train changes what scale reads, but no signature calls it.
    """
    import tensorflow as tf

    module = tf.Module()
    module.amount, module.factor = tf.Variable(0.0), tf.Variable(2.0)
    x = tf.TensorSpec([None], tf.float32, name="x")

    def add(x: Any) -> Any:
        return {"y": module.amount.assign_add(tf.reduce_sum(x))}

    @tf.function
    def positive(x: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: add(x)["y"], lambda: module.amount.read_value())

    def train(x: Any) -> Any:
        return module.factor.assign(tf.reduce_sum(x))

    functions = {
        "serving_default": lambda x: {"y": module.amount.assign_add(1.0) + 0.0 * x},
        "add": add,
        "maybe": lambda x: {"y": positive(x)},
        "total": lambda x: {"y": x + module.amount},
        "scale": lambda x: {"y": x * module.factor},
    }
    module.train = tf.function(train, input_signature=[x])
    signatures = {name: tf.function(function, input_signature=[x]) for name, function in functions.items()}
    signatures["reset"] = tf.function(lambda: {"y": module.amount.assign(0.0)}, input_signature=[])
    tf.saved_model.save(module, str(folder), signatures=signatures)


def save_counting_graph(folder: Path, *, resource: bool) -> None:
    """The same of TensorFlow 1: a graph without functions, in which serving_default counts, and total and scale read.

    resource: whether its variables are resources, or references as of old.
    """
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None])
        amount = v1.get_variable("amount", initializer=0.0, use_resource=resource)
        factor = v1.get_variable("factor", initializer=2.0, use_resource=resource)
        with tf.control_dependencies([v1.assign_add(amount, tf.reduce_sum(x))]):
            counted = x + 0.0
        outputs = {"serving_default": counted, "total": x + amount, "scale": x * factor}
        session.run(v1.global_variables_initializer())
        signatures = {
            name: v1.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": y})
            for name, y in outputs.items()
        }
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
