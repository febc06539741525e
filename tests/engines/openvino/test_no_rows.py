"""Inputs without rows, on OpenVINO alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tests.engines.openvino.asking import Ask, save

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import InvalidArgument
from lightship.saved_model.reader import read_saved_model

NO_ROWS = {"x": np.zeros((0, 4), np.float32)}


def openvino(ask: Ask, folder: Path) -> Engine:
    save(ask, folder)
    return load_engine(folder, read_saved_model(folder), EngineOptions(engine="openvino"))


def test_a_state_for_each_row_is_no_rows_for_no_rows(tmp_path: Path) -> None:
    """As the first state of an LSTM, which is a fill of as many zeros as there are rows."""
    graph = Ask(lambda x: tf.concat([x, tf.zeros([tf.shape(x)[0], 2])], 1) * 2.0, [("x", "float32", [None, 4])], [])
    assert openvino(graph, tmp_path / "1").run("serving_default", NO_ROWS)["y"].shape == (0, 6)


def test_the_last_of_no_rows_is_refused(tmp_path: Path) -> None:
    graph = Ask(lambda x: tf.reduce_sum(x[-1]) >= x, [("x", "float32", [None, 4])], [])
    with pytest.raises(InvalidArgument):
        openvino(graph, tmp_path / "1").run("serving_default", NO_ROWS)
