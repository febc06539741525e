"""Flags as TensorFlow Serving reads them, and the spellings that are added."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.cli.flags import Flag, Role, UnknownFlag, Value, parse_flags, usage
from lightship.errors import InvalidArgument

FLAGS = (
    Flag("port", 8500, Role.USED, "a port"),
    Flag("micros", 0, Role.IGNORED, "microseconds", bits=64),
    Flag("batching", False, Role.PLANNED, "batching"),
    Flag("warmup", True, Role.USED, "warm-up"),
    Flag("fraction", 0.0, Role.USED, "a share"),
    Flag("name", "default", Role.USED, "a name"),
)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([], {}),
        (["--port=1"], {"port": 1}),
        (["--port", "1"], {"port": 1}),
        (["--port=1", "--port=2"], {"port": 2}),
        (["--micros=9000000000"], {"micros": 9000000000}),
        (["--fraction=0.5"], {"fraction": 0.5}),
        (["--name=a=b"], {"name": "a=b"}),
        (["--name="], {"name": ""}),
        (["--name", "--port"], {"name": "--port"}),
        (["--batching", "--port=1"], {"batching": True, "port": 1}),
        (["--batching=TRUE"], {"batching": True}),
        (["--warmup=false"], {"warmup": False}),
        (["--warmup=0"], {"warmup": False}),
        (["--nowarmup"], {"warmup": False}),
    ],
)
def test_values_are_read(arguments: list[str], values: dict[str, Value]) -> None:
    assert parse_flags(arguments, FLAGS) == values


@pytest.mark.parametrize(
    "argument", ["--port=x", "--port=1.5", "--port=2147483648", "--port", "--batching=maybe", "--fraction=half"]
)
def test_a_value_of_the_wrong_type_names_the_flag(argument: str) -> None:
    with pytest.raises(InvalidArgument, match=argument.partition("=")[0]):
        parse_flags([argument], FLAGS)


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("--prot=8501", "--port=8501"),
        ("--nam", "--name"),
        ("-port=1", "--port=1"),
        ("--noport", "--port"),
        ("surprise", "--help"),
        ("--xyzzy=1", "--help"),
    ],
)
def test_an_unknown_flag_names_the_nearest(argument: str, meant: str) -> None:
    with pytest.raises(UnknownFlag, match=f"^unknown argument: {argument} .*{meant}"):
        parse_flags([argument], FLAGS)


def test_usage_has_each_flag_with_its_default() -> None:
    text = usage("program", FLAGS)
    assert "  --port=8500\n      a port" in text
    assert "--warmup=true" in text
    assert "(not supported yet)" in text


def test_a_folder_without_a_flag_names_the_flag_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dog").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownFlag, match=f"^unknown argument: dog .*--model_base_path={tmp_path}/dog"):
        parse_flags(["dog"], FLAGS)
