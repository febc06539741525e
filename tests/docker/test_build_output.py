"""What becomes of an engine's messages about a build."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from lightship.docker.build_output import BuildOutput, build_error
from lightship.errors import Internal, LightshipError, PermissionDenied, ResourceExhausted

MESSAGES: list[dict[str, Any]] = [
    {"stream": "Step 1/3 : FROM lightship:0.1.0"},
    {"stream": "\n"},
    {"stream": " ---> e980c53c4964\n"},
    {"stream": "Step 2/3 : COPY layers/12/ /"},
    {"stream": " ---> Using cache\n"},
    {"stream": " ---> 296dea3e5ed6\n"},
    {"stream": 'Step 3/3 : ENV MODEL_NAME="dog"'},
    {"aux": {"ID": "sha256:135205733984"}},
    {"stream": "Successfully built 135205733984\n"},
]


def followed(messages: Iterable[dict[str, Any]]) -> tuple[BuildOutput, list[str]]:
    reported: list[str] = []
    output = BuildOutput(reported.append)
    output.follow(messages)
    return output, reported


def test_it_tells_each_step_and_returns_the_image() -> None:
    output, reported = followed(MESSAGES)
    assert output.image == "sha256:135205733984"
    assert output.made == ["e980c53c4964", "296dea3e5ed6"]
    assert reported == ["step 1/3, FROM", "step 2/3, the layer of version 12", "step 3/3, ENV"]


def test_an_error_among_the_messages_is_raised() -> None:
    with pytest.raises(Internal, match="could not build the image: it broke$"):
        followed([*MESSAGES[:3], {"errorDetail": {"message": "it broke"}, "error": "it\nbroke"}])


def test_an_end_without_an_image_is_an_error() -> None:
    with pytest.raises(Internal, match="without an image"):
        followed(MESSAGES[:-2])


@pytest.mark.parametrize(
    ("text", "kind", "remedy"),
    [
        ("write /a: no space left on device", ResourceExhausted, "docker system df"),
        ("max depth exceeded", ResourceExhausted, "--versions latest"),
        ("open /var/lib: permission denied", PermissionDenied, "not allowed"),
    ],
)
def test_errors_say_what_to_do(text: str, kind: type[LightshipError], remedy: str) -> None:
    error = build_error(text)
    assert type(error) is kind
    assert text in error.message
    assert remedy in error.message


def test_a_forbidden_build_is_known_by_its_status() -> None:
    assert type(build_error("authorization denied by plugin", status=403)) is PermissionDenied
    assert type(build_error("it broke", status=500)) is Internal
