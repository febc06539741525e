"""Writes TensorFlow Serving's warm-up file, so that the official server runs the model before it answers clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lightship import protos
from lightship.bundle.golden import Golden
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


def write_warmup(path: Path, golden: Golden) -> None:
    """Writes a TFRecord file with one `PredictionLog` for `serving_default`.

    Its inputs are the first row of the golden sample, or all of it if the inputs differ in their number of rows.
    """
    log = protos.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = DEFAULT_SIGNATURE
    batched = len({array.shape[:1] for array in golden.inputs.values()}) == 1
    for name, array in golden.inputs.items():
        _fill(request.inputs[name], array[:1] if batched else array)
    with tf.io.TFRecordWriter(str(path)) as records:
        records.write(log.SerializeToString())


def _fill(tensor: Any, array: NDArray[Any]) -> None:
    tensor.dtype = tf.as_dtype(array.dtype).as_datatype_enum
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = np.ascontiguousarray(array).tobytes()
