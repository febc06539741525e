"""`saved_model.pbtxt` says what `saved_model.pb` would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.text_models import save_as_text

from lightship.engines import EngineOptions, load_engine
from lightship.errors import DataLoss, ResourceExhausted
from lightship.saved_model import reader
from lightship.saved_model.reader import read_saved_model, saved_model_bytes


@pytest.fixture(scope="module")
def as_text(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_as_text(half_plus_two / "123", tmp_path_factory.mktemp("text") / "1")


@pytest.mark.tensorflow
def test_it_is_read_as_the_bytes_are(half_plus_two: Path, as_text: Path) -> None:
    assert read_saved_model(as_text) == read_saved_model(half_plus_two / "123")


@pytest.mark.tensorflow
def test_its_graph_loses_nothing_that_runs(half_plus_two: Path, as_text: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    (mine,) = SavedModel.FromString(saved_model_bytes(as_text)).meta_graphs
    (theirs,) = SavedModel.FromString((half_plus_two / "123" / "saved_model.pb").read_bytes()).meta_graphs
    for node in (*theirs.graph_def.node, *(node for one in theirs.graph_def.library.function for node in one.node_def)):
        node.ClearField("experimental_type")
    for function in theirs.graph_def.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.ClearField("handle_data")
            argument.ClearField("experimental_full_type")
    theirs.graph_def.library.ClearField("registered_gradients")
    theirs.graph_def.ClearField("debug_info")
    assert mine.graph_def == theirs.graph_def
    assert (mine.saver_def, list(mine.asset_file_def)) == (theirs.saver_def, list(theirs.asset_file_def))
    assert dict(mine.signature_def) == dict(theirs.signature_def)


@pytest.mark.tensorflow
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_either_engine_runs_it(as_text: Path, engine: Any) -> None:
    loaded = load_engine(as_text, read_saved_model(as_text), EngineOptions(engine=engine))
    assert loaded.run("serving_default", {"x": np.array([[2.0]], np.float32)})["y"].tolist() == [[3.0]]
    loaded.close()


def test_bytes_go_first(half_plus_two: Path, tmp_path: Path) -> None:
    data = (half_plus_two / "123" / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(data)
    (tmp_path / "saved_model.pbtxt").write_text("not read")
    assert saved_model_bytes(tmp_path) == data


@pytest.mark.parametrize("text", [b"meta_graphs {", b"saved_model_schema_version: 1", b"", b"\xff", b"{" * 100_000])
def test_what_is_no_saved_model_is_data_loss(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "saved_model.pbtxt").write_bytes(text)
    with pytest.raises(DataLoss, match=str(tmp_path)):
        read_saved_model(tmp_path)


@pytest.mark.tensorflow
def test_a_longer_text_than_is_read_is_refused(
    half_plus_two: Path, as_text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT_BYTES", 1000)
    with pytest.raises(ResourceExhausted, match=r"saved_model\.pbtxt has more than 0 MiB of text: save the model as"):
        read_saved_model(as_text)
