"""Messages about the options of a server name those of the command line."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Run

from lightship.cli.option_words import _OPTIONS, in_options
from lightship.errors import InvalidArgument
from lightship.server import ServerOptions
from lightship.transports.grpc.options import GrpcOptions, Tls


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rest_port": 8500, "grpc_port": 8500}, "--rest-port 8500 is --grpc-port too: give them two ports"),
        ({"rest_port": 0}, "--rest-port 0 turns REST off, and nothing else is on: give a port, or 'auto'"),
        ({"max_queue_seconds": -1.0}, "--max-queue-seconds -1: give 0 or more"),
        ({"allowed_hosts": ["a b"]}, "--allowed-hosts: 'a b' is not a host's name"),
        (
            {"grpc": GrpcOptions(tls=Tls(b"key", b"certificate"))},
            "TLS is for gRPC, but --grpc-port 0 turns gRPC off: give a port. REST has no TLS",
        ),
        ({"workers": 0}, "--workers 0: give a number from 1 to 1024"),
    ],
)
def test_what_a_server_refuses_names_the_options(options: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ServerOptions(models=[], **options)  # type: ignore[arg-type]
    assert in_options(caught.value.message).startswith(text)


@pytest.mark.parametrize(
    "text", ["/data/rest_port is a file", "other=host", "my_access_log=1", "the workers of a host"]
)
def test_names_that_are_no_options_stay(text: str) -> None:
    assert in_options(text) == text


def test_the_command_says_it_so(lightship: Run, half_plus_two: str) -> None:
    done = lightship("serve", half_plus_two, "--rest-port=8500", "--grpc-port=8500")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: --rest-port 8500 is --grpc-port too: give them two ports\n"


def test_each_field_that_the_command_sets_has_its_option(lightship: Run) -> None:
    shown = lightship("serve", "--help").stdout
    of_others = {"models", "model_config_file", "model_config_file_poll_seconds", "read_once", "grpc", "rest_may_fail"}
    of_others |= {"limits", "timeouts", "cors", "load_threads", "load_retries", "load_retry_seconds", "extensions"}
    of_others |= {"allow_version_labels_for_unavailable_models", "check_method_names", "enable_model_warmup"}
    of_others |= {"warmup_iterations", "saved_model_tags", "metrics_path", "tls_files"}
    assert [option for name, option in _OPTIONS.items() if name not in of_others and option not in shown] == []
