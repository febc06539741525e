"""Lists of models that cannot be are refused in TensorFlow Serving's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.errors import InvalidArgument, LightshipError, Unimplemented
from lightship.lifecycle import Specific
from lightship.lifecycle.model_config import check_model_list, local_path


@pytest.mark.parametrize(
    ("models", "kind", "text"),
    [
        (
            [("m", "/a"), ("n", "/a"), ("m", "/b")],
            InvalidArgument,
            "Illegal to list model m multiple times in config list",
        ),
        (
            [("m", "rel/path")],
            InvalidArgument,
            "Expected model m to have an absolute path or URI; got base_path()=rel/path",
        ),
        ([("m", "")], InvalidArgument, "Expected model m to have an absolute path or URI; got base_path()="),
        (
            [("m", "file://models/m")],
            InvalidArgument,
            "file://models/m names another machine, 'models': write file:///",
        ),
        ([("m", "hdfs://host/m")], Unimplemented, "model m: hdfs://host/m is in no place that Lightship can read"),
        ([("m", "s3:///m")], InvalidArgument, "model m: s3:///m names no bucket: write s3://BUCKET/PATH"),
        ([("m", "s3://key:pass@bucket/m")], InvalidArgument, "model m: s3://***@bucket/m has a user or a password"),
    ],
)
def test_what_cannot_be(models: list[tuple[str, str]], kind: type[LightshipError], text: str) -> None:
    with pytest.raises(kind) as caught:
        check_model_list(models)
    assert caught.value.message.startswith(text)


def test_what_can_be() -> None:
    check_model_list([])
    check_model_list([("m", "/models/a"), ("n", "/models/a"), ("o", "file:///models/a")])


def test_a_file_uri_is_the_path_in_it() -> None:
    assert local_path("file:///models/a%20b") == Path("/models/a%20b")
    assert local_path("models/a") == Path("models/a")


def test_a_version_asked_for_twice_is_one() -> None:
    assert Specific([3, 1, 3]) == Specific((3, 1))


def test_paths_of_windows_are_absolute_there_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [("m", "C:/models/a"), ("n", r"D:\models\a"), ("o", "file:///C:/models/a"), ("p", "/models/a")]
    with pytest.raises(InvalidArgument, match="absolute path"):
        check_model_list(paths[1:2])
    monkeypatch.setattr("lightship.lifecycle.model_config._WINDOWS", True)
    check_model_list(paths)
    assert local_path("file:///C:/models/a") == Path("C:/models/a")
    with pytest.raises(InvalidArgument, match="absolute path"):
        check_model_list([("m", r"models\a")])
