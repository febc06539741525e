"""The models that are attacked, made once: of every kind of input and for both engines.

Usage: python -m fuzz.models FOLDER
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".cache" / "fuzz"
NAMES = ("half_plus_two", "convolution", "mixed", "types")
EXPLAINED = "explained"  # an image classifier whose answers can be explained
TYPES = (
    *("float", "double", "half", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128", "string"),
)


def made() -> list[Path]:
    """The models' folders, and the image bundle's. TensorFlow makes them, in a process of its own."""
    if not all((FOLDER / name / "1").exists() for name in (*NAMES, EXPLAINED)):
        subprocess.run([sys.executable, "-m", "fuzz.models", str(FOLDER)], cwd=ROOT, check=True)
    return [*(FOLDER / name for name in (*NAMES, EXPLAINED)), FOLDER / "dog"]


def _make(folder: Path) -> None:
    for name, signatures in zip(NAMES, (_half_plus_two(), _convolution(), _mixed(), _types()), strict=True):
        if not (folder / name / "1").exists():
            _save(folder / name / "1", signatures)
    _save_explained(folder / EXPLAINED)
    _export_dog(folder / "dog")


def _save_explained(folder: Path) -> None:
    from tests.explained_model import save_explained_model

    if not (folder / "1").exists():
        save_explained_model(folder / "1")


def _export_dog(folder: Path) -> None:
    from demo.assets import BREEDS, fetch

    from lightship.images.spec import ImageSpec
    from lightship.packaging import export

    if not (folder / "1").exists():
        image = ImageSpec(resize="bicubic", preprocessing="mobilenet_v2")
        export(fetch().model, folder, classes=list(BREEDS), image=image)


def _save(folder: Path, signatures: dict[str, tuple[Any, dict[str, tuple[list[int | None] | None, str]]]]) -> None:
    import tensorflow as tf

    functions = {}
    for signature, (function, inputs) in signatures.items():
        specs = [tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in inputs.items()]
        functions[signature] = tf.function(function, input_signature=specs)
    tf.saved_model.save(tf.Module(), str(folder), signatures=functions)


def _half_plus_two() -> dict[str, Any]:
    import tensorflow as tf

    def parsed(inputs: Any) -> Any:
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    examples = {"inputs": ([None], "string")}
    return {
        "serving_default": (lambda x: {"y": 0.5 * x + 2.0}, {"x": ([None, 1], "float32")}),
        "classify_x_to_y": (lambda inputs: {"scores": 0.5 * parsed(inputs) + 2.0}, examples),
        "regress_x_to_y": (lambda inputs: {"outputs": 0.5 * parsed(inputs) + 2.0}, examples),
    }


def _convolution() -> dict[str, Any]:
    import tensorflow as tf

    kernel = tf.reshape(tf.linspace(-1.0, 1.0, 3 * 3 * 3 * 4), [3, 3, 3, 4])
    dense = tf.reshape(tf.linspace(-1.0, 1.0, 8 * 8 * 4 * 5), [8 * 8 * 4, 5])
    table = tf.reshape(tf.linspace(-1.0, 1.0, 12), [4, 3])

    def fixed(x: Any) -> dict[str, Any]:
        return {"y": tf.reshape(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")), [-1, 8 * 8 * 4]) @ dense}

    return {
        "serving_default": (fixed, {"x": ([None, 8, 8, 3], "float32")}),
        "free": (
            lambda x: {"y": tf.reduce_mean(tf.nn.conv2d(x, kernel, 2, "VALID"), [1, 2])},
            {"x": ([None, None, None, 3], "float32")},
        ),
        "product": (lambda x: {"y": x @ table}, {"x": ([None, None], "float32")}),
        "rows": (lambda i: {"y": tf.gather(table, tf.clip_by_value(i, 0, 3))}, {"i": ([None], "int64")}),
        "sum": (
            lambda a, b: {"sum": a + b, "larger": a > b},
            {"a": ([None, 2], "int32"), "b": ([None, 2], "int32")},
        ),
    }


def _mixed() -> dict[str, Any]:
    import tensorflow as tf

    def mixed(i: Any, s: Any, b: Any, f: Any) -> dict[str, Any]:
        return {"n": i + tf.cast(b, tf.int32), "text": tf.strings.join([s, s]), "text_bytes": s, "f": f * 2.0, "b": b}

    inputs = {"i": ([None], "int32"), "s": ([None], "string"), "b": ([None], "bool"), "f": ([None, 2], "float32")}
    return {
        "serving_default": (mixed, inputs),
        "echo": (lambda s: {"text": tf.identity(s)}, {"s": ([None], "string")}),
        "small": (lambda i: {"n": i, "d": tf.cast(i, tf.float64) / 3}, {"i": ([None], "uint8")}),
        "numbers": (lambda s: {"n": tf.strings.to_number(s)}, {"s": ([None], "string")}),
    }


def _types() -> dict[str, Any]:
    """A signature of each type, called as TensorFlow calls it, that gives back what it takes, of any shape."""
    import tensorflow as tf

    return {name: (lambda x: {"y": tf.identity(x)}, {"x": (None, name)}) for name in TYPES}


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
