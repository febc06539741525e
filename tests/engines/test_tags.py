"""Of a file with several graphs, or one with other tags, the one asked for runs, in either engine."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lightship import protos
from lightship.engines import EngineOptions, load_engine
from lightship.errors import NotFound
from lightship.saved_model.reader import read_saved_model


def tagged(half_plus_two: Path, folder: Path, *graphs: tuple[str, ...]) -> Path:
    """A version with a graph for each set of tags; the first one's output is `y0`, the next one's `y1`."""
    version = folder / "1"
    shutil.copytree(half_plus_two / "123", version)
    model = protos.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    original = model.meta_graphs[0]
    several = protos.SavedModel(saved_model_schema_version=1)
    for number, tags in enumerate(graphs):
        graph = several.meta_graphs.add()
        graph.CopyFrom(original)
        graph.meta_info_def.tags[:] = tags
        outputs = graph.signature_def["serving_default"].outputs
        outputs[f"y{number}"].CopyFrom(outputs["y"])
        del outputs["y"]
    (version / "saved_model.pb").write_bytes(several.SerializeToString())
    return version


@pytest.mark.tensorflow
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize(
    ("tags", "output"), [(("serve",), "y1"), (("serve", "gpu"), "y0"), (("gpu", "serve"), "y0"), (("train",), "y2")]
)
def test_the_graph_with_exactly_these_tags_runs(
    half_plus_two: Path, tmp_path: Path, engine: str, tags: tuple[str, ...], output: str
) -> None:
    version = tagged(half_plus_two, tmp_path, ("serve", "gpu"), ("serve",), ("train",))
    saved_model = read_saved_model(version, tags)
    options = EngineOptions(engine=engine)  # type: ignore[arg-type]
    with closing(load_engine(version, saved_model, options)) as loaded:
        answer = loaded.run("serving_default", {"x": np.float32([[2.0]])})
    assert {name: array.tolist() for name, array in answer.items()} == {output: [[3.0]]}


@pytest.mark.tensorflow
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_a_single_graph_with_other_tags_runs(half_plus_two: Path, tmp_path: Path, engine: str) -> None:
    version = tagged(half_plus_two, tmp_path, ("train",))
    options = EngineOptions(engine=engine)  # type: ignore[arg-type]
    with closing(load_engine(version, read_saved_model(version, ("train",)), options)) as loaded:
        assert loaded.run("serving_default", {"x": np.float32([[2.0], [4.0]])})["y0"].tolist() == [[3.0], [4.0]]


@pytest.mark.parametrize("tags", [(), ("serve",), ("gpu",), ("serve", "gpu", "tpu")])
def test_no_graph_with_exactly_these_tags_is_an_error(half_plus_two: Path, tmp_path: Path, tags: tuple[str]) -> None:
    version = tagged(half_plus_two, tmp_path, ("serve", "gpu"))
    with pytest.raises(NotFound) as caught:
        read_saved_model(version, tags)
    wanted = " ".join(tags)
    assert caught.value.message.startswith(f"Could not find meta graph def matching supplied tags: {{ {wanted} }}. ")
