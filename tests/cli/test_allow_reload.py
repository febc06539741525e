"""`--allow-reload [ROOT]`: who may reload a server of `lightship serve`, and of the drop-in command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import grpc
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import Run, Start, until

from lightship import protos


def reload(port: int, folder: Path) -> str:
    """OK, or the code and text of the refusal."""
    request = protos.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="m", base_path=str(folder), model_platform="tensorflow")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
        try:
            stub(request.SerializeToString(), timeout=60)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
    return "OK"


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return int(json.loads(line)["grpc_port"])


FLAGS = ("--rest-port", "auto", "--json")


def test_without_the_option_nobody_may(start: Start, half_plus_two: Path) -> None:
    port = port_of(start(half_plus_two, *FLAGS))
    assert reload(port, half_plus_two).startswith("PERMISSION_DENIED: this server does not accept Handle")


@pytest.mark.parametrize("at", ["end", "before a flag", "environment"])
def test_without_a_root_any_folder_is_allowed(start: Start, half_plus_two: Path, at: str) -> None:
    if at == "end":
        process = start(half_plus_two, *FLAGS, "--allow-reload")
    elif at == "before a flag":
        process = start("--allow-reload", *FLAGS, half_plus_two)
    else:
        process = start(half_plus_two, *FLAGS, env={"LIGHTSHIP_ALLOW_RELOAD": "/"})
    assert reload(port_of(process), half_plus_two) == "OK"


@pytest.mark.parametrize("form", ["--allow-reload={}", "--allow-reload {}"])
def test_with_a_root_only_folders_below_it_are_allowed(
    start: Start, half_plus_two: Path, tmp_path: Path, form: str
) -> None:
    (tmp_path / "link").symlink_to(half_plus_two)
    port = port_of(start(half_plus_two, *form.format(half_plus_two.parent).split(), *FLAGS))
    assert reload(port, half_plus_two) == "OK"
    assert reload(port, tmp_path / "link") == "OK"  # it leads below the root
    assert reload(port, tmp_path).startswith(f"PERMISSION_DENIED: model m: {tmp_path} is not below ")


@pytest.mark.parametrize(
    ("root", "text"),
    [
        ("--allow-reload=", "has no folder after the ="),
        ("--allow-reload=/no/such/folder", "'/no/such/folder' is not a folder"),
        ("--allow-reload={model}", "which is a model's own folder: give MODEL before --allow-reload"),
    ],
)
def test_a_root_that_cannot_be_meant_ends_the_start(lightship: Run, half_plus_two: Path, root: str, text: str) -> None:
    done = lightship("serve", half_plus_two, *FLAGS, root.format(model=half_plus_two))
    assert done.returncode == 2
    assert text in done.stderr


def test_a_model_that_was_taken_for_the_root_is_named(lightship: Run, half_plus_two: Path) -> None:
    done = lightship("serve", "--allow-reload", half_plus_two)
    assert done.returncode == 2
    assert f"no MODEL: --allow-reload took '{half_plus_two}' as its ROOT; give MODEL before" in done.stderr


def test_the_drop_in_command_allows_any_folder_unless_it_is_confined(
    start: Start, half_plus_two: Path, tmp_path: Path
) -> None:
    for flags, expected in (((), "OK"), ((f"--reload_root={tmp_path}",), "PERMISSION_DENIED")):
        port = free_port()
        process = start(
            f"--port={port}", f"--model_base_path={half_plus_two}", *flags, command="lightship-model-server"
        )
        until(process, "Running gRPC ModelServer")
        assert reload(port, half_plus_two).startswith(expected)


def test_a_root_of_the_drop_in_command_must_be_absolute_and_there(model_server: Run, half_plus_two: Path) -> None:
    for root, text in (
        ("models", "give an absolute path"),
        ("", "give an absolute path"),
        ("/no/such", "is not a folder"),
    ):
        done = model_server(f"--reload_root={root}", f"--model_base_path={half_plus_two}")
        assert done.returncode == 255
        assert text in done.stdout
