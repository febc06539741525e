"""Makes the SavedModels beside this file anew: `python -m tests.models.make`, with TensorFlow.

They are checked in so that most tests need no TensorFlow. Each is saved in a process of its own, because TensorFlow
numbers its functions from 1 there: the same TensorFlow writes the same bytes again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

HERE = Path(__file__).parent


def main(folder: Path = HERE) -> None:
    for name in savers():
        subprocess.run([sys.executable, "-m", "tests.models.make", name, str(folder)], check=True)


def save(name: str, folder: Path) -> None:
    """Saves one model below the folder, in place of what is there."""
    version, saver = savers()[name]
    shutil.rmtree(folder / name, ignore_errors=True)
    saver(folder / name / version)
    (folder / name / version / "fingerprint.pb").unlink(missing_ok=True)  # holds a random number, and nothing needs it


def savers() -> dict[str, tuple[str, Callable[[Path], object]]]:
    """By model: its version, and what saves it into the version's folder."""
    from tests.engines.odd_model import save_odd_model
    from tests.example_models import save_inference_model
    from tests.transports.grpc.models import save_identity_model, save_numbers_model, save_sums_model
    from tests.transports.rest.mixed_model import save_mixed_model

    return {
        "half_plus_two": ("123", save_half_plus_two),
        "inference": ("7", save_inference_model),
        "identity": ("1", save_identity_model),
        "mixed": ("1", lambda version: save_mixed_model(version.parent)),
        "numbers": ("1", save_numbers_model),
        "odd": ("1", save_odd_model),
        "sums": ("1", save_sums_model),
    }


def save_half_plus_two(folder: Path) -> None:
    """A version folder: y = 0.5 x + 2, by predict, classify and regress."""
    import tensorflow as tf

    module = _half_plus_two_module()
    signatures = {
        "serving_default": module.predict,
        "classify_x_to_y": module.classify,
        "regress_x_to_y": module.regress,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _half_plus_two_module() -> tf.Module:
    import tensorflow as tf

    class HalfPlusTwo(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = tf.Variable(0.5), tf.Variable(2.0)

        def parse(self, examples: tf.Tensor) -> tf.Tensor:
            return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

        @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": self.a * x + self.b}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"scores": self.a * self.parse(inputs) + self.b}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"outputs": self.a * self.parse(inputs) + self.b}

    return HalfPlusTwo()


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case [name, folder]:
            save(name, Path(folder))
