"""Configuration files: what cannot be read is said in TensorFlow Serving's words, and a change is applied."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lightship.errors import Cancelled, FailedPrecondition, NotFound, PermissionDenied, ResourceExhausted
from lightship.lifecycle.model_config import ModelConfig
from lightship.server.config.files import (
    MAX_FILE_BYTES,
    ConfigFilePoll,
    InvalidConfigFile,
    check_config_file,
    read_models,
)

KIND = "tensorflow.serving.ModelServerConfig"


def written(place: Path, *names: str) -> str:
    """The list of these models, put in place as a whole."""
    configs = "".join(f"config {{ name: '{name}' base_path: '/m/{name}' model_type: TENSORFLOW }}" for name in names)
    place.with_suffix(".new").write_text(f"model_config_list {{ {configs} }}")
    place.with_suffix(".new").replace(place)
    return str(place)


def test_models_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "models.config", "a", "b")
    assert read_models(path) == [ModelConfig("a", Path("/m/a")), ModelConfig("b", Path("/m/b"))]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        read_models(f"{tmp_path}/none")
    assert caught.value.message == f"{tmp_path}/none; No such file or directory"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="; Is a directory$"):
        read_models(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_of_somebody_else_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "models.config", "a")
    os.chmod(path, 0)
    with pytest.raises(PermissionDenied, match="; Permission denied$"):
        read_models(path)


@pytest.mark.parametrize("content", [b"nonsense {", b"\xff\xfe", b"model_config_list { config { x: 1 } }"])
def test_a_file_that_is_no_configuration_says_where(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "models.config"
    file.write_bytes(content)
    with pytest.raises(InvalidConfigFile) as caught:
        read_models(str(file))
    assert caught.value.message == f"Invalid protobuf file: '{file}'"
    assert caught.value.parser.startswith(f"Error parsing text-format {KIND}: 1:")


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    with file.open("wb") as growing:
        growing.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ResourceExhausted):
        check_config_file(str(file), KIND)


class Applied:
    """Takes lists of models; one whose name is `bad` is refused."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.times = 0
        self._changed = threading.Condition()

    def __call__(self, models: list[ModelConfig]) -> None:
        with self._changed:
            self.times += 1
            self._changed.notify_all()
            if models and models[0].name == "bad":
                raise FailedPrecondition("it is bad")
            self.names = [model.name for model in models]

    def wait_names(self, *names: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.names == list(names), 60)

    def wait_more(self) -> bool:
        with self._changed:
            before = self.times
            return self._changed.wait_for(lambda: self.times > before + 1, 60)


@contextmanager
def polled(path: str, applied: Applied) -> Iterator[None]:
    poll = ConfigFilePoll(path, 0.01, applied, lambda: applied.names)
    with closing(poll):
        poll.start()
        yield


def test_a_changed_file_is_applied_and_an_unchanged_one_too(tmp_path: Path) -> None:
    applied = Applied()
    path = written(tmp_path / "models.config", "a")
    with polled(path, applied):
        assert applied.wait_names("a")
        assert applied.wait_more()
        written(tmp_path / "models.config", "b", "c")
        assert applied.wait_names("b", "c")


def test_a_file_that_says_nothing_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied = Applied()
    path = written(tmp_path / "models.config", "a")
    with caplog.at_level(logging.ERROR, "lightship"), polled(path, applied):
        assert applied.wait_names("a")
        (tmp_path / "models.config").write_text("")
        assert said(caplog, "FAILED_PRECONDITION: Cannot transition to requested config.")
        assert applied.names == ["a"]
        written(tmp_path / "models.config", "b")
        assert applied.wait_names("b")


def test_what_is_wrong_is_logged_once_and_the_next_good_file_is_applied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    applied = Applied()
    path = written(tmp_path / "models.config", "bad")
    with caplog.at_level(logging.ERROR, "lightship"), polled(path, applied):
        assert applied.wait_more()
        (tmp_path / "models.config").unlink()
        assert said(caplog, "No such file or directory")
        (tmp_path / "models.config").write_text("nonsense")
        assert said(caplog, "Error parsing text-format")
        written(tmp_path / "models.config", "good")
        assert applied.wait_names("good")
    refused = [record for record in caplog.records if "FAILED_PRECONDITION: it is bad" in record.getMessage()]
    assert len(refused) == 1


def test_an_unexpected_error_is_logged_once_and_so_is_the_next_success(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Applied):
        odd = True

        def __call__(self, models: list[ModelConfig]) -> None:
            super().__call__(models)
            if self.odd:
                raise ZeroDivisionError("nobody expected this")

    applied = Odd()
    path = written(tmp_path / "models.config", "a")
    with caplog.at_level(logging.INFO, "lightship"), polled(path, applied):
        assert applied.wait_more()
        assert applied.wait_more()
        applied.odd = False
        assert said(caplog, f"{path} was read again")
        assert applied.wait_more()
    found = [message for message in caplog.messages if path in message]  # others may be of threads of earlier tests
    assert found == [f"reading {path} failed", f"{path} was read again"]


def said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    waiting = threading.Event()
    for _ in range(6000):
        if any(text in record.getMessage() for record in caplog.records):
            return True
        waiting.wait(0.01)
    return False


def test_a_server_that_stops_ends_it(tmp_path: Path) -> None:
    stopped = threading.Event()

    def apply(models: list[ModelConfig]) -> None:
        stopped.set()
        raise Cancelled("the server is stopping")

    poll = ConfigFilePoll(written(tmp_path / "models.config", "a"), 3600, apply, list)
    poll.start()
    assert stopped.wait(60)
    poll._thread.join(60)
    assert not poll._thread.is_alive()
