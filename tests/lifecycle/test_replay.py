"""A warm-up file that was made elsewhere: real TFRecords of logged calls, made on a real model."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lightship import protos
from lightship.bundle.manifest import WARM_UP_FILE
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, LightshipError, Unimplemented
from lightship.lifecycle import Loader, LoadOptions, Servable, ServableId, load_servable
from lightship.lifecycle.replay import MAX_RECORDS, replay

pytestmark = pytest.mark.tensorflow

ID = ServableId("half", 1)
Write = Callable[[Sequence[Any]], Path]


@pytest.fixture
def version(half_plus_two: Path, tmp_path: Path) -> Path:
    return shutil.copytree(half_plus_two / "123", tmp_path / "1")


@pytest.fixture
def servable(version: Path) -> Iterator[Servable]:
    made = load_servable(ID, version)
    yield made
    made.close()


@pytest.fixture
def write(version: Path) -> Write:
    """Writes records, bytes or `PredictionLog`s, where TensorFlow Serving looks for them."""

    def written(records: Sequence[Any]) -> Path:
        import tensorflow as tf

        path = version / WARM_UP_FILE
        path.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(path)) as file:
            for record in records:
                file.write(record if isinstance(record, bytes) else record.SerializeToString())
        return path

    return written


def predict_log(signature: str = "") -> Any:
    log = protos.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    return log


class Calls:
    """Remembers the signatures that were called; raises what it is given."""

    def __init__(self, error: LightshipError | None = None) -> None:
        self.signatures: list[str] = []
        self.error = error

    def __call__(self, servable: Servable, log: Any) -> None:
        self.signatures.append(log.predict_log.request.model_spec.signature_name)
        if self.error is not None:
            raise self.error


def test_each_call_is_made_as_often_as_asked(servable: Servable, write: Write) -> None:
    write([predict_log("a"), predict_log("b")])
    calls = Calls()
    assert replay(servable, calls) == 2
    assert calls.signatures == ["a", "b"]
    calls = Calls()
    replay(servable, calls, iterations=2)
    assert calls.signatures == ["a", "a", "b", "b"]
    calls = Calls()
    replay(servable, calls, iterations=0)
    assert calls.signatures == ["a", "b"]


def test_no_file_and_an_empty_one_are_no_calls(servable: Servable, write: Write) -> None:
    calls = Calls()
    assert replay(servable, calls) == 0
    write([])
    assert replay(servable, calls) == 0
    write([protos.PredictionLog()])  # no kind of call
    replay(servable, calls)
    assert calls.signatures == []


def test_what_a_call_raises_ends_it(servable: Servable, write: Write) -> None:
    write([predict_log(), predict_log()])
    calls = Calls(InvalidArgument("wrong input"))
    with pytest.raises(InvalidArgument, match="wrong input"):
        replay(servable, calls)
    assert len(calls.signatures) == 1


def test_a_call_that_no_engine_can_run_is_passed_over(
    servable: Servable, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write([predict_log(), predict_log()])
    with caplog.at_level(logging.WARNING, "lightship.lifecycle.replay"):
        assert replay(servable, Calls(FailedPrecondition("TensorFlow is not installed"))) == 2
    assert caplog.messages == ["a warm-up call of {name: half version: 1} was skipped: TensorFlow is not installed"] * 2


def test_more_than_the_limit_is_found_after_running_it(servable: Servable, write: Write) -> None:
    path = write([predict_log()] * (MAX_RECORDS + 5))
    calls = Calls()
    with pytest.raises(InvalidArgument) as caught:
        replay(servable, calls)
    assert caught.value.message == f"Number of warmup records exceeds the maximum (1000) at {path}"
    assert len(calls.signatures) == MAX_RECORDS + 1
    write([predict_log()] * MAX_RECORDS)
    assert replay(servable, calls) == MAX_RECORDS


def test_a_record_that_is_none_is_shown(servable: Servable, write: Write) -> None:
    path = write([b"\xffnonsense"])
    with pytest.raises(InvalidArgument) as caught:
        replay(servable, Calls())
    assert caught.value.message == f"Failed to parse warmup record: \ufffdnonsense from {path}"
    write([b"\xff" * 100_000])
    with pytest.raises(InvalidArgument) as caught:
        replay(servable, Calls())
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(("field", "number"), [("session_run_log", 5), ("predict_streamed_log", 7)])
def test_kinds_that_cannot_be_replayed(servable: Servable, write: Write, field: str, number: int) -> None:
    log = protos.PredictionLog()
    getattr(log, field).SetInParent()
    write([log])
    with pytest.raises(Unimplemented, match=f"^Unsupported log_type for warmup: {number}$"):
        replay(servable, Calls())


def test_what_is_no_file_of_records(servable: Servable, write: Write) -> None:
    write([]).write_bytes(b"this is no file of records")
    with pytest.raises(DataLoss) as caught:
        replay(servable, Calls())
    assert caught.value.message == (
        "corrupted record at 0 (Is this even a TFRecord file?). Please verify your warmup data is in TFRecord format."
    )


def test_a_version_whose_calls_fail_is_not_loaded(version: Path, write: Write) -> None:
    write([predict_log()])
    with pytest.raises(InvalidArgument, match="wrong input"):
        Loader(warm_up_call=Calls(InvalidArgument("wrong input"))).load(ID, version)
    calls = Calls()
    Loader(LoadOptions(warm_up_iterations=3), warm_up_call=calls).load(ID, version).close()
    assert len(calls.signatures) == 3
    load_servable(ID, version).close()
