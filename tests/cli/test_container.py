"""What the image's entry point makes of its environment and of further arguments."""

from __future__ import annotations

from lightship.cli.container import arguments
from lightship.cli.flags import parse_flags
from lightship.cli.model_server_flags import FLAGS


def flags(environment: dict[str, str], *further: str) -> dict[str, object]:
    return dict(parse_flags(arguments(environment, further), FLAGS))


def test_the_official_images_flags() -> None:
    given = flags({"MODEL_NAME": "dog", "MODEL_BASE_PATH": "/mnt"})
    assert given == {"port": 8500, "rest_api_port": 8501, "model_name": "dog", "model_base_path": "/mnt/dog"}


def test_without_an_environment() -> None:
    assert flags({})["model_base_path"] == "/models/model"


def test_a_later_flag_wins() -> None:
    given = flags({"MODEL_NAME": "dog"}, "--model_name=cat", "--rest_api_port", "9000", "--enable_batching")
    assert (given["model_name"], given["rest_api_port"], given["enable_batching"]) == ("cat", 9000, True)
