"""What `lightship-model-server` refuses before it loads anything, and what it warns of."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run

from lightship.cli.flags import Flag, Role, Value, parse_flags
from lightship.cli.model_server_checks import check_combinations, warnings
from lightship.cli.model_server_flags import FLAGS
from lightship.errors import InvalidArgument

BASE = "--model_base_path=/models/m"
REST = "--rest_api_port=8501"
GOOD: dict[str, Value] = {flag.name: flag.default for flag in FLAGS} | {"model_base_path": "/m", "rest_api_port": 8501}
PARALLEL = "tensorflow_session_parallelism", "tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"port": 0},
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.",
        ),
        (
            {"use_alts_credentials": True, "ssl_config_file": "/x"},
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        (
            {"model_base_path": ""},
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
        (
            {"batching_parameters_file": "/x"},
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true.",
        ),
        (
            dict.fromkeys(PARALLEL, 2),
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all.",
        ),
        ({"port": 65536}, "--port=65536: give a number from 1 to 65535, or 0 for off"),
        ({"rest_api_port": -5}, "--rest_api_port=-5: give a number from 1 to 65535, or 0 for off"),
    ],
)
def test_wrong_combinations_are_refused(changes: dict[str, Value], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_combinations(GOOD | changes)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"port": 0, "grpc_socket_path": "/s"},
        {"model_base_path": "", "model_config_file": "/x"},
        {"enable_batching": True, "batching_parameters_file": "/x"},
        {PARALLEL[0]: 2, PARALLEL[1]: 2},
        {PARALLEL[1]: 2, PARALLEL[2]: 2},
    ],
)
def test_other_combinations_pass(changes: dict[str, Value]) -> None:
    check_combinations(GOOD | changes)


def test_a_refusal_is_one_line_on_standard_output_and_255(model_server: Run) -> None:
    done = model_server(REST)
    text = "Both server_options.model_base_path and server_options.model_config_file are empty!"
    assert (done.returncode, done.stderr) == (255, "")
    assert done.stdout == f"Failed to start server. Error: INVALID_ARGUMENT: {text}\n"


def test_a_relative_base_path_is_refused(model_server: Run) -> None:
    done = model_server(REST, "--model_base_path=rel/path")
    text = "Expected model default to have an absolute path or URI; got base_path()=rel/path"
    assert done.stdout == f"Failed to start server. Error: INVALID_ARGUMENT: {text}\n"


def test_alts_is_refused_rather_than_left_out(model_server: Run) -> None:
    done = model_server(REST, BASE, "--use_alts_credentials")
    assert done.returncode == 255
    assert done.stdout.startswith("Failed to start server. Error: UNIMPLEMENTED: --use_alts_credentials ")


def test_only_what_would_lower_security_is_refused() -> None:
    assert {flag.name for flag in FLAGS if flag.role is Role.PLANNED} == {"use_alts_credentials"}


def test_flags_without_meaning_share_one_warning() -> None:
    given: dict[str, Value] = {"num_unload_threads": 2, "enable_profiler": False, "grpc_max_threads": 5}
    (idle,) = warnings(given)
    assert idle == "--num_unload_threads, --enable_profiler: accepted, but has no effect here"


def test_a_flag_given_its_default_is_not_warned_of() -> None:
    assert list(warnings({"num_unload_threads": 0, "enable_profiler": True})) == []


def test_the_documentation_says_of_every_flag_what_it_is_here() -> None:
    text = (Path(__file__).parents[2] / "docs" / "design" / "compatibility.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    said = {row[0].removeprefix("| ").strip("`"): row[2] for row in rows if len(row) == 4}
    words = {Role.USED: "used", Role.IGNORED: "accepted", Role.PLANNED: "refused"}
    assert {flag.name: said.get(flag.name) for flag in FLAGS} == {flag.name: words[flag.role] for flag in FLAGS}


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_each_flag_is_read_in_every_spelling(flag: Flag) -> None:
    name, default = flag.name, flag.default
    if isinstance(default, bool):
        spellings = {
            f"--{name}": True,
            f"--{name}=TRUE": True,
            f"--{name}=1": True,
            f"--{name}=False": False,
            f"--{name}=0": False,
            f"--no{name}": False,
        }
        for word, value in spellings.items():
            assert parse_flags([word], FLAGS) == {name: value}
        return
    value: Value = "text" if isinstance(default, str) else type(default)(7)
    assert parse_flags([f"--{name}={value}"], FLAGS) == parse_flags([f"--{name}", str(value)], FLAGS) == {name: value}
    if not isinstance(default, str):
        with pytest.raises(InvalidArgument, match=f"--{name} is 'x'"):
            parse_flags([f"--{name}=x"], FLAGS)
