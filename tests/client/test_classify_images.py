"""Several photos in one call: at the same time, in order, each error with the photo that it is about."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.client.conftest import Ask, FakeServer, ReceivedRequest, Reply

from lightship import AsyncClient
from lightship.client.arguments import MAX_CONCURRENCY
from lightship.errors import InvalidArgument, LightshipError, NotFound, Unavailable

SECONDS = 30.0  # a generous deadline


def pixels(value: int) -> NDArray[np.uint8]:
    return np.full((6, 8, 3), value, np.uint8)


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(value)).save(buffer, "PNG")
    return buffer.getvalue()


def value_of(request: ReceivedRequest) -> int:
    return int(np.asarray(Image.open(io.BytesIO(request.body)))[0, 0, 0])


def named(request: ReceivedRequest) -> Reply:
    """The label of a photo is the value of its pixels."""
    return Reply(body={"predictions": [{"labels": [str(value_of(request))], "scores": [1.0]}]})


def refusing(*values: int) -> Any:
    def answer(request: ReceivedRequest) -> Reply:
        refused = value_of(request) in values
        return Reply(400, {"error": "the image is truncated"}) if refused else named(request)

    return answer


def labels(answers: list[Any]) -> list[str]:
    return [answer.label for answer in answers]


def test_photos_of_every_kind_are_answered_in_their_order(ask: Ask, fake_server: FakeServer, tmp_path: Path) -> None:
    fake_server.answer = named
    (tmp_path / "0.png").write_bytes(png(0))
    photos: list[Any] = [tmp_path / "0.png", str(tmp_path / "0.png"), png(2), Image.fromarray(pixels(3)), pixels(4)]
    assert labels(ask(fake_server.url, "classify_images", "dog", photos)) == ["0", "0", "2", "3", "4"]
    assert labels(ask(fake_server.url, "classify_images", "dog", iter(photos), top=1)) == ["0", "0", "2", "3", "4"]
    assert labels(ask(fake_server.url, "classify_images", "dog", np.stack([pixels(8), pixels(9)]))) == ["8", "9"]


def test_photos_are_on_their_way_at_the_same_time(ask: Ask, fake_server: FakeServer) -> None:
    """The first one is answered when all others have come."""
    others = threading.Barrier(4)

    def answer(request: ReceivedRequest) -> Reply:
        others.wait(SECONDS)
        return named(request)

    fake_server.answer = answer
    assert labels(ask(fake_server.url, "classify_images", "dog", map(png, range(4)), concurrency=4)) == list("0123")


def test_as_many_as_allowed_are_on_their_way_and_in_memory(ask: Ask, fake_server: FakeServer) -> None:
    lock, running, most, answered, taken = threading.Lock(), 0, 0, 0, 0

    def answer(request: ReceivedRequest) -> Reply:
        nonlocal running, most, answered
        with lock:
            running += 1
            most = max(most, running)
        reply = named(request)
        with lock:
            running -= 1
            answered += 1
        return reply

    def photos() -> Iterator[bytes]:
        nonlocal taken
        for value in range(30):
            taken += 1
            assert taken - answered <= 2 * 2 + 2
            yield png(value)

    fake_server.answer = answer
    answers = ask(fake_server.url, "classify_images", "dog", photos(), concurrency=2)
    assert labels(answers) == [str(value) for value in range(30)]
    assert most <= 2


def test_no_photos_give_no_answers_and_no_request(ask: Ask, fake_server: FakeServer) -> None:
    assert ask(fake_server.url, "classify_images", "dog", []) == []
    assert ask(fake_server.url, "classify_images", "dog", iter(())) == []
    assert fake_server.received == []


def test_the_version_and_the_number_of_labels_are_those_of_every_photo(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = named
    ask(fake_server.url, "classify_images", "dog", [png(1), png(2)], version=7, top=3)
    assert {one.path for one in fake_server.received} == {"/v1/models/dog/versions/7:predict?top=3"}


def test_a_photo_that_cannot_be_read_is_named_by_position_and_path(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = named
    with pytest.raises(NotFound, match=r"^photos\[1\]: no/such\.jpg does not exist"):
        ask(fake_server.url, "classify_images", "dog", [png(0), "no/such.jpg", png(2)])
    with pytest.raises(InvalidArgument, match=r"^photos\[2\]: the image is not JPEG"):
        ask(fake_server.url, "classify_images", "dog", [png(0), png(1), b"text"])


def test_a_photo_that_the_server_refuses_is_named(ask: Ask, fake_server: FakeServer, tmp_path: Path) -> None:
    fake_server.answer = refusing(7)
    (tmp_path / "7.png").write_bytes(png(7))
    with pytest.raises(InvalidArgument) as refused:
        ask(fake_server.url, "classify_images", "dog", [png(0), tmp_path / "7.png"])
    text = f"photos[1] ({tmp_path / '7.png'}): the image is truncated"
    assert (refused.value.message, str(refused.value)) == (text, text)


def test_the_first_of_several_errors_is_raised_and_no_more_photos_are_sent(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = refusing(2, 3, 4)
    with pytest.raises(InvalidArgument, match=r"^photos\[2\]: "):
        ask(fake_server.url, "classify_images", "dog", map(png, range(200)), concurrency=2)
    assert len(fake_server.received) < 12


def test_errors_can_be_returned_in_the_place_of_answers(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = refusing(1)
    photos: list[Any] = [png(0), png(1), "no/such.jpg", png(3)]
    first, second, third, fourth = ask(fake_server.url, "classify_images", "dog", photos, on_error="return")
    assert (first.label, fourth.label) == ("0", "3")
    assert isinstance(second, InvalidArgument)
    assert second.message == "photos[1]: the image is truncated"
    assert isinstance(third, NotFound)
    assert third.message.startswith("photos[2]: no/such.jpg")


def test_a_server_that_is_gone_is_an_error_of_the_first_photo(ask: Ask) -> None:
    with pytest.raises(Unavailable, match=r"^photos\[0\]: no connection"):
        ask("http://127.0.0.1:9", "classify_images", "dog", [png(0), png(1)], options={"retries": 0})


def test_an_error_of_the_iterator_itself_is_passed_on(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = named

    def photos() -> Iterator[bytes]:
        yield png(0)
        raise LookupError("the folder is gone")

    for on_error in ("raise", "return"):
        with pytest.raises(LookupError, match="the folder is gone"):
            ask(fake_server.url, "classify_images", "dog", photos(), on_error=on_error)


@pytest.mark.parametrize(
    ("photos", "text"),
    [
        ("a.jpg", r"one path, 'a\.jpg'"),
        (Path("a.jpg"), r"one path, 'a\.jpg'"),
        (b"\xff\xd8\xff", "one bytes"),
        (pixels(1), r"an array of shape \(6, 8, 3\)"),
        (Image.fromarray(pixels(1)), "one Image"),
        (None, "one NoneType"),
        (7, "one int"),
    ],
)
def test_a_single_photo_is_not_taken_for_a_list(ask: Ask, fake_server: FakeServer, photos: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"photos is {text}, not a list of photos"):
        ask(fake_server.url, "classify_images", "dog", photos)
    assert fake_server.received == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"top": 0}, "1 or more"),
        ({"concurrency": 0}, f"from 1 to {MAX_CONCURRENCY}"),
        ({"concurrency": 1000}, f"from 1 to {MAX_CONCURRENCY}"),
        ({"concurrency": True}, f"from 1 to {MAX_CONCURRENCY}"),
        ({"on_error": "skip"}, "raise, return"),
    ],
)
def test_options_are_checked_before_the_first_photo(
    ask: Ask, fake_server: FakeServer, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        ask(fake_server.url, "classify_images", "dog", [], **options)


def test_a_cancelled_call_ends_at_once(fake_server: FakeServer) -> None:
    arrived, release = threading.Event(), threading.Event()

    def answer(request: ReceivedRequest) -> Reply:
        arrived.set()
        release.wait(SECONDS)
        return named(request)

    async def main() -> None:
        async with AsyncClient(fake_server.url) as client:
            call = asyncio.ensure_future(client.classify_images("dog", map(png, range(100)), concurrency=2))
            assert await asyncio.to_thread(arrived.wait, SECONDS)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    fake_server.answer = answer
    asyncio.run(main())
    release.set()
    assert len(fake_server.received) <= 2


def test_errors_keep_their_kind_and_what_they_carry(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(503, {"error": "busy"}, {"Retry-After": "600"}))  # later than the call may take
    (busy,) = ask(fake_server.url, "classify_images", "dog", [png(0)], on_error="return", options={"retries": 0})
    assert isinstance(busy, LightshipError)
    assert (type(busy), busy.retry_after) == (Unavailable, 600)


def test_photos_are_sent_again_while_the_server_has_too_much_work(ask: Ask, fake_server: FakeServer) -> None:
    """However often: `retries` is for other failures. A single photo is sent again as often as `retries` says."""
    refusal = Reply(503, {"error": "busy"}, {"Retry-After": "0"})
    refused = 0

    def answer(request: ReceivedRequest) -> Reply:
        nonlocal refused
        refused += 1
        return refusal if refused <= 5 else named(request)

    fake_server.answer = answer
    options = {"retries": 0}
    answers = ask(fake_server.url, "classify_images", "dog", map(png, range(3)), concurrency=2, options=options)
    assert labels(answers) == ["0", "1", "2"]
    refused = 0
    with pytest.raises(Unavailable, match="busy"):
        ask(fake_server.url, "classify_image", "dog", png(0), options=options)


def test_a_server_that_is_away_for_another_reason_is_not_waited_for(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(503, {"error": "no backend"}))
    with pytest.raises(Unavailable, match=r"^photos\[0\]: no backend"):
        ask(fake_server.url, "classify_images", "dog", [png(0)], options={"retries": 1})
    assert len(fake_server.received) == 2
