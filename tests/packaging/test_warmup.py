"""The warm-up file is the one TensorFlow Serving reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from lightship import protos
from lightship.bundle.bundle import open_bundle
from lightship.bundle.golden import Golden
from lightship.packaging.warmup import write_warmup


def test_it_holds_one_prediction_on_the_first_golden_sample(pets: Path) -> None:
    records = list(tf.data.TFRecordDataset(str(pets / "1/assets.extra/tf_serving_warmup_requests")).as_numpy_iterator())
    assert len(records) == 1
    request = protos.PredictionLog.FromString(records[0]).predict_log.request
    assert request.model_spec.signature_name == "serving_default"
    sent = tf.make_ndarray(TensorProto.FromString(request.inputs["photo"].SerializeToString()))
    golden = open_bundle(pets / "1", "pets", 1).golden
    assert golden is not None
    np.testing.assert_array_equal(sent, golden.inputs["photo"][:1])


def test_inputs_without_a_common_first_dimension_are_kept_whole(tmp_path: Path) -> None:
    inputs = {"scale": np.array(2.0), "x": np.ones((2, 3), np.float32)}
    write_warmup(tmp_path / "w", Golden(inputs, {}))
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "w")).as_numpy_iterator()
    sent = protos.PredictionLog.FromString(record).predict_log.request.inputs
    assert [dim.size for dim in sent["x"].tensor_shape.dim] == [2, 3]
    assert not sent["scale"].tensor_shape.dim
