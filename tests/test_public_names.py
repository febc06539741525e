"""The public surface: `__all__` is what can be imported, and importing it costs nothing that is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lightship


def modules_after(code: str) -> set[str]:
    printed = subprocess.check_output([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], text=True)
    return set(printed.split())


@pytest.mark.tensorflow
def test_all_names_can_be_had() -> None:
    assert {name: getattr(lightship, name) for name in lightship.__all__}
    assert set(lightship.__all__) <= set(dir(lightship))


def test_all_is_what_is_public() -> None:
    assert sorted(lightship.__all__) == [
        "AsyncClient",
        "Client",
        "Explanation",
        "ImageSpec",
        "LightshipError",
        "Rise",
        "ServerOptions",
        "TransferModel",
        "docker",
        "errors",
        "export",
        "load",
        "serve",
        "sign",
    ]


def test_importing_lightship_imports_no_room() -> None:
    assert not {"numpy", "openvino", "tensorflow", "httpx2"} & modules_after("import lightship")


def test_containers_are_had_by_the_package_and_need_docker_only_when_used() -> None:
    assert "docker" not in modules_after("import lightship\nassert callable(lightship.docker.start)")


def test_importing_the_client_imports_no_engine() -> None:
    assert not {"openvino", "tensorflow"} & modules_after("from lightship import Client")


def test_errors_are_had_by_the_package() -> None:
    assert "numpy" not in modules_after("import lightship\nassert issubclass(lightship.errors.NotFound, Exception)")
    assert lightship.errors.LightshipError is lightship.LightshipError


def test_loading_a_model_imports_no_server_and_no_tensorflow() -> None:
    modules = modules_after("from lightship import load")
    assert not {"tensorflow", "lightship.server", "lightship.transports", "grpc", "httpx2"} & modules
