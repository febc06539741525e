"""Options checked and compared, and what logs tell, without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lightship.docker.ports import Port, parse_port
from lightship.docker.readable import check_readable
from lightship.docker.reasons import failed_load, likely_reason
from lightship.docker.settings import Settings, difference, read_settings, started_with
from lightship.errors import FailedPrecondition, InvalidArgument, PermissionDenied

IMAGE = "sha256:0123456789abcdef"
OTHER_IMAGE = "sha256:fedcba9876543210"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "dog" / "1").mkdir(parents=True)
    (tmp_path / "dog" / "1" / "saved_model.pb").touch()
    return tmp_path / "dog"


def settings(model: Path, **options: Any) -> Settings:
    return read_settings(model, **options)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8501:8501", Port("127.0.0.1", 8501, 8501)),
        ("0:8501", Port("127.0.0.1", 0, 8501)),
        ("9000:8501/tcp", Port("127.0.0.1", 9000, 8501)),
        ("0.0.0.0:9000:8501", Port("0.0.0.0", 9000, 8501)),
        ("localhost:9000:8501", Port("127.0.0.1", 9000, 8501)),
        ("[::1]:9000:8501", Port("::1", 9000, 8501)),
    ],
)
def test_a_port_is_written_as_for_docker_run(text: str, port: Port) -> None:
    assert parse_port(text, "127.0.0.1") == port


@pytest.mark.parametrize(
    "text", ["", "8501", "a:8501", "8501:0", "65536:8501", "8501:8501/udp", "-1:8501", "host:1:8501"]
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_port(text, "127.0.0.1")


@pytest.mark.parametrize(
    "options",
    [
        {"name": "-x"},
        {"name": "a/b"},
        {"name": "a"},
        {"publish": ["8500:8500"]},
        {"host": "nowhere"},
        {"memory": "much"},
        {"memory": "1m"},
        {"cpus": 0.0},
        {"cpus": float("nan")},
        {"restart": "sometimes"},
        {"image": ""},
        {"image": "-v"},
        {"environment": {"MODEL_NAME": "x"}},
        {"environment": {"": "x"}},
        {"model_name": "a/b"},
        {"remote": True},
    ],
)
def test_options_that_cannot_be_are_refused(model: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        settings(model, **options)


def test_the_same_options_make_no_difference(model: Path) -> None:
    first = settings(model, environment={"A": "1", "B": "2"}, memory="1g", publish=["8501:8501"])
    again = settings(model / ".." / "dog", environment={"B": "2", "A": "1"}, memory="1024m", publish=["8501:8501"])
    kept = started_with(first.labels(IMAGE))
    assert kept is not None
    assert difference(kept, again.described(IMAGE)) == []


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({"publish": ["9000:8501"]}, "ports: 127.0.0.1:8501:8501, 127.0.0.1:8500:8500 -> 127.0.0.1:9000:8501"),
        ({"environment": {"A": "1"}}, "environment: MODEL_NAME=dog -> A=1, MODEL_NAME=dog"),
        ({"cpus": 2}, "cpus: no limit -> 2"),
        ({"restart": "no"}, "restart: unless-stopped -> no"),
        ({"arguments": ["--x=1"]}, "arguments: none -> --x=1"),
    ],
)
def test_each_difference_is_reported(model: Path, options: dict[str, Any], reported: str) -> None:
    kept = started_with(settings(model).labels(IMAGE))
    assert kept is not None
    assert difference(kept, settings(model, **options).described(IMAGE)) == [reported]


def test_another_version_or_image_is_a_difference(model: Path) -> None:
    kept = started_with(settings(model).labels(IMAGE))
    assert kept is not None
    assert len(difference(kept, settings(model, pin_version=1).described(IMAGE))) == 1
    (reported,) = difference(kept, settings(model).described(OTHER_IMAGE))
    assert reported.startswith("image: lightship:")


@pytest.mark.parametrize("label", [None, "", "[]", "{", "1"])
def test_a_container_without_our_label_is_not_ours(label: str | None) -> None:
    assert started_with({} if label is None else {"dev.lightship.started-with": label}) is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("exec /usr/bin/serve: exec format error", "another processor"),
        ("Bind for 127.0.0.1:8501 failed: port is already allocated", "a port is taken"),
        ("listen tcp4 127.0.0.1:8501: bind: address already in use", "a port is taken"),
        ("No versions of servable dog found under base path /models/dog", "has no version"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "--memory"),
    ],
)
def test_reasons_are_known_by_what_is_said(said: str, reason: str) -> None:
    assert reason in str(likely_reason(said))


def test_what_says_nothing_gives_no_reason() -> None:
    assert likely_reason("Hello") is None
    assert "--memory" in str(likely_reason("Hello", out_of_memory=True))


def test_a_failed_load_is_found_in_a_log_of_either_server() -> None:
    ours = "2026-11-27T09:48:53.123+00:00 ERROR {name: dog version: 1} cannot be loaded: truncated"
    theirs = "E loader.cc] Loading servable: {name: dog version: 1} failed: NOT_FOUND: no file"
    assert failed_load(f"x\n{ours}\ny", "dog") == ours
    assert failed_load(f"x\n{theirs}\n", "dog") == theirs
    assert failed_load(theirs, "cat") is None


def test_what_the_servers_user_may_not_read_is_named(model: Path) -> None:
    check_readable(model, 10001)
    (model / "1" / "saved_model.pb").chmod(0o640)
    with pytest.raises(PermissionDenied, match=f"saved_model.pb cannot be read .*chmod -R o.rX {model}"):
        check_readable(model, 10001)


def test_a_link_within_the_folder_is_fine_and_one_out_of_it_is_not(model: Path, tmp_path: Path) -> None:
    (model / "2").symlink_to("1")
    check_readable(model, 10001)
    (model / "3").symlink_to(tmp_path)
    with pytest.raises(FailedPrecondition, match="is a link to"):
        check_readable(model, 10001)
