"""A model on a server as one side of a comparison. tests/cli/test_compare.py asks real servers and folders."""

from __future__ import annotations

import re

import pytest
from tests.client.conftest import FakeServer, ReceivedRequest, Reply, fake_server
from tests.client.test_explain_image import png

from lightship.cli.comparing.sides import ALL_LABELS, Access, opened_side
from lightship.client import Classification
from lightship.errors import InvalidArgument, Unavailable

__all__ = ["fake_server"]

ACCESS = Access(timeout=30.0, concurrency=2)


class Server:
    """It serves version 7 of a model, and refuses the photo of the value 7."""

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.path.endswith("/metadata"):
            signatures = {"signature_def": {"signature_def": {}}}
            return Reply(body={"model_spec": {"name": "m", "version": "7"}, "metadata": signatures})
        if request.body == png(7):
            return Reply(400, {"error": "the image is truncated"})
        body = {"predictions": [{"labels": ["cat", "dog"], "scores": [0.75, 0.25]}]}
        return Reply(body=body, headers={"Lightship-Model-Version": "7"})


@pytest.fixture
def url(fake_server: FakeServer) -> str:
    fake_server.answer = Server()
    return f"{fake_server.url}/v1/models/m"


def test_all_classes_are_asked_of_the_version_that_is_served_now(url: str, fake_server: FakeServer) -> None:
    with opened_side(url, ACCESS) as side:
        assert (side.name, side.version, side.classes) == (f"{url}/versions/7", 7, None)
        (answer,) = side.classify([png(1)])
    assert answer == Classification(("cat", "dog"), (0.75, 0.25), "m", 7)
    assert fake_server.received[-1].path == f"/v1/models/m/versions/7:predict?top={ALL_LABELS}"


def test_a_refused_photo_is_an_answer_without_its_place_in_the_batch(url: str) -> None:
    with opened_side(url, ACCESS) as side:
        first, refused = side.classify([png(1), png(7)])
    assert isinstance(first, Classification)
    assert isinstance(refused, InvalidArgument)
    assert refused.message == "the image is truncated"


def test_a_server_that_is_gone_ends_the_comparison_with_its_name(url: str, fake_server: FakeServer) -> None:
    with opened_side(url, ACCESS) as side:
        fake_server.answer = lambda request: Reply(503, {"error": "stopping"})
        with pytest.raises(Unavailable, match=re.escape(f"{url}/versions/7: ")):
            side.classify([png(1)])


def test_a_password_is_not_in_the_name(url: str) -> None:
    with opened_side(url.replace("://", "://user:secret@"), ACCESS) as side:
        assert side.name == f"{url}/versions/7"
