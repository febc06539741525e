"""A graph is split where OpenVINO cannot go on, and its parts together give TensorFlow's answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, host, load_engine
from lightship.engines.comparison import differences
from lightship.engines.host.program import REASON, HostProgram
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, ResourceExhausted
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

pytestmark = pytest.mark.tensorflow

ALONE = EngineOptions(engine="openvino", trust=True)


def strings(*texts: str | bytes) -> Any:
    array = np.empty(len(texts), object)
    array[:] = [one.encode() if isinstance(one, str) else one for one in texts]
    return array


def save(folder: Path, function: Callable[..., Any], *specs: Any, **kept: Any) -> Path:
    import tensorflow as tf

    module = tf.Module()
    for name, value in kept.items():
        setattr(module, name, value)
    module.run = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(folder), signatures={DEFAULT_SIGNATURE: module.run.get_concrete_function()})
    return folder


def load(folder: Path, options: EngineOptions = ALONE) -> Engine:
    return load_engine(folder, read_saved_model(folder), options)


def words(tf: Any) -> Any:
    contents = tf.lookup.KeyValueTensorInitializer(["red", "green", "é"], np.array([1, 2, 3], np.int64))
    return tf.lookup.StaticHashTable(contents, 0)


@pytest.fixture
def lookup(tmp_path: Path) -> Path:
    """Words to scores, by way of a table and an embedding."""
    import tensorflow as tf

    table, rows = words(tf), tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2))

    def run(text: Any) -> Any:
        found = table.lookup(tf.strings.lower(text))
        return {"scores": tf.nn.softmax(tf.gather(rows, found)), "known": found > 0, "lower": tf.strings.lower(text)}

    return save(tmp_path / "1", run, tf.TensorSpec([None], tf.string, "text"), table=table, rows=rows)


def test_outputs_of_every_part_are_answered(lookup: Path) -> None:
    ours, theirs = load(lookup), load(lookup, EngineOptions(engine="tensorflow"))
    inputs = {"text": strings("Red", "", "é", "É", b"\xff")}
    assert differences(theirs.run(DEFAULT_SIGNATURE, inputs), ours.run(DEFAULT_SIGNATURE, inputs)) is None
    assert ours.run(DEFAULT_SIGNATURE, inputs, ["lower"])["lower"].tolist() == [
        b"red",
        b"",
        "é".encode(),
        "É".encode(),
        b"\xff",
    ]
    ours.close()
    theirs.close()


def test_the_report_says_what_runs_where(lookup: Path) -> None:
    engine = load(lookup)
    (report,) = (one for one in engine.reports() if one.signature == DEFAULT_SIGNATURE)
    assert (report.engine, report.reason) == ("openvino", REASON)
    engine.close()


def test_the_part_on_openvino_is_tried_and_compared_like_any_other(lookup: Path) -> None:
    engine = load(lookup, EngineOptions())
    (report,) = (one for one in engine.reports() if one.signature == DEFAULT_SIGNATURE)
    assert report.proof == "compared with TensorFlow"
    engine.close()


def test_the_temporary_folder_is_removed_when_the_model_is_closed(
    lookup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    engine = load(lookup)
    assert list(place.iterdir()) != []
    engine.close()
    assert list(place.iterdir()) == []


def test_a_model_of_strings_alone_needs_no_openvino(tmp_path: Path) -> None:
    import tensorflow as tf

    table = words(tf)
    folder = save(tmp_path / "1", lambda x: {"y": table.lookup(x)}, tf.TensorSpec([None], tf.string, "x"), table=table)
    engine = load(folder)
    assert engine.run(DEFAULT_SIGNATURE, {"x": strings("red", "blue")})["y"].tolist() == [1, 0]
    assert engine.engine_of(DEFAULT_SIGNATURE) == "lightship"
    engine.close()


def test_labels_are_looked_up_behind_the_model(tmp_path: Path) -> None:
    import tensorflow as tf

    contents = tf.lookup.KeyValueTensorInitializer(np.array([0, 1], np.int64), ["cat", "dog"])
    table, weights = tf.lookup.StaticHashTable(contents, "?"), tf.Variable(np.eye(3, dtype=np.float32))

    def run(x: Any) -> Any:
        return {"label": table.lookup(tf.argmax(x @ weights, -1))}

    folder = save(tmp_path / "1", run, tf.TensorSpec([None, 3], tf.float32, "x"), table=table, weights=weights)
    engine = load(folder)
    assert engine.run(DEFAULT_SIGNATURE, {"x": np.eye(3, dtype=np.float32)})["label"].tolist() == [b"cat", b"dog", b"?"]
    engine.close()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_vocabulary_is_read_from_a_file(ending: str, tmp_path: Path) -> None:
    import tensorflow as tf

    file = tmp_path / "words.txt"
    file.write_bytes(ending.join(["red", "two words ", "é"]).encode() + ending.encode())
    whole, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    contents = tf.lookup.TextFileInitializer(str(file), tf.string, whole, tf.int64, number)
    table = tf.lookup.StaticHashTable(contents, -1)
    folder = save(tmp_path / "1", lambda x: {"y": table.lookup(x)}, tf.TensorSpec([None], tf.string, "x"), table=table)
    file.unlink()
    for options in (ALONE, EngineOptions(engine="tensorflow")):
        engine = load(folder, options)
        assert engine.run(DEFAULT_SIGNATURE, {"x": strings("é", "two words ", "red", "")})["y"].tolist() == [
            2,
            1,
            0,
            -1,
        ]
        engine.close()


def test_an_operation_of_tensorflow_only_is_named(tmp_path: Path) -> None:
    import tensorflow as tf

    folder = save(
        tmp_path / "1", lambda x: {"y": tf.strings.to_hash_bucket_fast(x, 8)}, tf.TensorSpec([None], tf.string, "x")
    )
    with pytest.raises(FailedPrecondition, match="needs TensorFlow: StringToHashBucketFast is run by TensorFlow only"):
        load(folder)


def test_a_check_is_not_lost(tmp_path: Path) -> None:
    import tensorflow as tf

    def run(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_equal(x, "red")]):
            return {"y": tf.strings.length(x)}

    folder = save(tmp_path / "1", run, tf.TensorSpec([None], tf.string, "x"))
    with pytest.raises(FailedPrecondition, match="Assert"):
        load(folder)


def test_a_refused_value_is_the_callers_error(tmp_path: Path) -> None:
    import tensorflow as tf

    def run(examples: Any) -> Any:
        read = tf.io.parse_example(examples, {"age": tf.io.FixedLenFeature([], tf.float32)})
        return {"y": tf.nn.relu(read["age"])}

    folder = save(tmp_path / "1", run, tf.TensorSpec([None], tf.string, "examples"))
    for options in (ALONE, EngineOptions(engine="tensorflow")):
        engine = load(folder, options)
        with pytest.raises(
            InvalidArgument, match=r"Feature: age \(data type: float\) is required but could not be found"
        ):
            engine.run(DEFAULT_SIGNATURE, {"examples": strings(b"")})
        engine.close()


def test_one_long_text_among_many_empty_ones_does_not_take_all_memory(tmp_path: Path) -> None:
    import tensorflow as tf

    def run(text: Any) -> Any:
        return {"y": tf.strings.length(tf.strings.split(text).to_tensor())}

    engine = load(save(tmp_path / "1", run, tf.TensorSpec([None], tf.string, "text")))
    assert engine.run(DEFAULT_SIGNATURE, {"text": strings("a bcd", "")})["y"].tolist() == [[1, 3], [0, 0]]
    with pytest.raises(ResourceExhausted, match="send fewer rows"):
        engine.run(DEFAULT_SIGNATURE, {"text": strings("a " * 20_000, *[""] * 20_000)})
    engine.close()


def test_files_that_change_while_they_are_split_are_noticed(lookup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def changing(*arguments: Any) -> HostProgram:
        program = HostProgram(*arguments)
        os.utime(lookup / "saved_model.pb", ns=(0, 0))  # as if it had been written again
        return program

    monkeypatch.setattr(host, "HostProgram", changing)
    with pytest.raises(DataLoss, match="were changed while they were loaded"):
        load(lookup)
