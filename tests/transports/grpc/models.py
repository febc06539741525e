"""SavedModels for what gRPC alone can ask: defaults of inputs, and every type of tensors."""

from __future__ import annotations

from pathlib import Path

from tests.example_models import set_method_names

from lightship.protos import SavedModel, TensorProto

DTYPES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
    "complex64": "complex64",
    "complex128": "complex128",
    "string": "string",
    "float8_e5m2": "float8_e5m2",
    "float8_e4m3fn": "float8_e4m3fn",
}


def save_identity_model(folder: Path) -> None:
    """A signature for every type, called as TensorFlow calls the type; x -> y = x, of any shape."""
    import tensorflow as tf

    def identity(dtype: str) -> object:
        return tf.function(
            lambda x: {"y": tf.identity(x)}, input_signature=[tf.TensorSpec(None, tf.as_dtype(dtype), name="x")]
        )

    tf.saved_model.save(tf.Module(), str(folder), signatures={name: identity(of) for name, of in DTYPES.items()})


def save_sums_model(folder: Path) -> None:
    """sum = a + b, difference = a - b; in the signature with_defaults b is 5, in broken its default is no tensor."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None, 1], tf.float32, name=name) for name in "ab"]
    signatures = {
        name: tf.function(lambda a, b: {"sum": a + b, "difference": a - b}, input_signature=spec)
        for name in ("serving_default", "with_defaults", "broken")
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)
    five = TensorProto(dtype=1, float_val=[5.0])
    five.tensor_shape.dim.add(size=1)
    file = folder / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    written = model.meta_graphs[0].signature_def
    written["with_defaults"].defaults["b"].CopyFrom(five)
    written["broken"].defaults["b"].CopyFrom(TensorProto(dtype=1, tensor_content=b"?"))
    file.write_bytes(model.SerializeToString(deterministic=True))
    set_method_names(folder, {"broken": "mine"})


def save_numbers_model(folder: Path) -> None:
    """s -> text = s, n = the number that it is, which fails where it is none. A graph as TensorFlow 1 saved it."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Session(graph=tf.Graph()) as session:
        s = v1.placeholder(tf.string, [None])
        signature = v1.saved_model.predict_signature_def(
            {"s": s}, {"n": tf.strings.to_number(s), "text": tf.identity(s)}
        )
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
