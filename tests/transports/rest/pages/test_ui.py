"""The page /ui and the endpoints of its game: what they answer, and what they do not give away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.quiz_models import JPEG, PNG, with_labels
from tests.transports.rest.conftest import Ask

from lightship.errors import InvalidArgument, NotFound
from lightship.server import serve
from lightship.transports.http.limits import Limits

LABELS = ["pug", "beagle", "bull_mastiff", "poodle", "corgi"]
NAME = "what a name é"


@pytest.fixture(scope="module")
def quiz(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A server with a game of two photos, one of which is larger than a photo may be."""
    folder = tmp_path_factory.mktemp("quiz")
    (folder / "pug").mkdir()
    (folder / "pug" / "1.jpg").write_bytes(JPEG)
    (folder / "beagle.png").write_bytes(PNG + bytes(1 << 20))
    model = with_labels(half_plus_two, folder.parent / "dog", LABELS)
    server = serve(f"{NAME}={model}", f"half={half_plus_two}", rest_port="auto", quiz=folder, limits=Limits(1 << 20))
    with server, httpx2.Client(base_url=server.rest_url, timeout=60) as http:
        yield http


def rounds(quiz: httpx2.Client) -> dict[str, dict[str, object]]:
    """The rounds of a game, by the true labels."""
    found = quiz.get(f"/ui/{NAME}/quiz/rounds").json()["rounds"]
    return {str(guess(quiz, one["photo"], "corgi").json()["label"]): one for one in found}


def guess(quiz: httpx2.Client, photo: object, label: object) -> httpx2.Response:
    return quiz.post(f"/ui/{NAME}/quiz/guesses", json={"photo": photo, "label": label})


@pytest.mark.parametrize(
    ("path", "root"),
    [("/ui", ""), ("/ui/", "../"), ("/ui/m", "../"), ("/ui/m%20n?x=1", "../"), ("/ui/m/quiz", "../../")],
)
def test_the_page_is_one_file_that_knows_the_way_to_the_server(ask: Ask, path: str, root: str) -> None:
    answer = ask("GET", path)
    page = answer.body.decode()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f'data-root="{root}"' in page
    assert f'href="{root}docs"' in page
    assert "{root}" not in page.partition("<script>")[0]
    assert "data-quiz" not in page.partition("<head>")[0]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "innerHTML" not in page


def test_the_page_asks_nobody_else(ask: Ask) -> None:
    page = ask("GET", "/ui").body.decode().replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/uix"), ("POST", "/ui"), ("GET", "/ui/m/other"), ("GET", "/ui/m/quiz/rounds"), ("GET", "/ui/m/quiz/")],
)
def test_what_is_near_is_not_there(ask: Ask, method: str, path: str) -> None:
    assert ask(method, path).status == 404


def test_docs_leads_to_it(ask: Ask) -> None:
    assert '<a href="ui">' in ask("GET", "/docs").body.decode()


def test_without_extensions_it_is_not_there(half_plus_two: Path, tmp_path: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", extensions=False, quiz=tmp_path) as server:
        for path in ("/ui", "/ui/m", "/ui/m/quiz/rounds"):
            assert httpx2.get(f"{server.rest_url}{path}").status_code == 404
        assert '<a href="ui">' not in httpx2.get(f"{server.rest_url}/docs").text


def test_a_round_does_not_give_the_label_away(quiz: httpx2.Client) -> None:
    answer = quiz.get(f"/ui/{NAME}/quiz/rounds", params={"count": 2})
    assert answer.headers["Cache-Control"] == "no-cache"
    document = answer.json()
    assert (document["photos"], document["labels"], document["reason"]) == (2, 2, "")
    for one in document["rounds"]:
        assert one.keys() == {"photo", "choices"}
        assert len(one["choices"]) == 4


def test_a_guess_is_judged(quiz: httpx2.Client) -> None:
    photo = rounds(quiz)["pug"]["photo"]
    assert guess(quiz, photo, "pug").json() == {"label": "pug", "right": True}
    assert guess(quiz, photo, "beagle").json() == {"label": "pug", "right": False}


def test_a_photo_is_sent_as_it_is_and_cannot_be_a_page(quiz: httpx2.Client) -> None:
    answer = quiz.get(f"/ui/{NAME}/quiz/photos/{rounds(quiz)['pug']['photo']}")
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Content-Disposition" not in answer.headers


def test_a_photo_that_is_too_large_is_refused(quiz: httpx2.Client) -> None:
    answer = quiz.get(f"/ui/{NAME}/quiz/photos/{rounds(quiz)['beagle']['photo']}")
    assert answer.status_code == 413
    assert f"the limit is {1 << 20}" in answer.json()["error"]


def test_a_model_without_photos_says_why(quiz: httpx2.Client) -> None:
    document = quiz.get("/ui/half/quiz/rounds").json()
    assert (document["rounds"], document["photos"]) == ([], 0)
    assert "takes no photos" in document["reason"]


def test_a_query_with_many_parameters_is_answered(quiz: httpx2.Client) -> None:
    answer = quiz.get(f"/ui/{NAME}/quiz/rounds?{'a=1&' * 1000}count=1")
    assert (answer.status_code, len(answer.json()["rounds"])) == (200, 1)


@pytest.mark.parametrize("count", ["0", "51", "x", "-1", "", "²", "1e3", "9" * 30])
def test_a_count_that_is_none_is_refused(quiz: httpx2.Client, count: str) -> None:
    answer = quiz.get(f"/ui/{NAME}/quiz/rounds", params={"count": count})
    assert (answer.status_code, "error" in answer.json()) == (200 if count == "" else 400, count != "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"photo": 1, "label": "pug"}', 400),
        (b'{"photo": "00"}', 400),
        (b'{"photo": "00", "label": "pug"}', 404),
        (b'{"photo": "\\ud800", "label": "pug"}', 400),
        (b'{"photo": "' + b"x" * (64 << 10) + b'", "label": "pug"}', 413),
    ],
)
def test_a_guess_that_is_none_is_refused_in_words(quiz: httpx2.Client, body: bytes, status: int) -> None:
    answer = quiz.post(f"/ui/{NAME}/quiz/guesses", content=body)
    assert answer.status_code == status
    assert json.loads(answer.content)["error"]


def test_the_truth_is_not_told_without_a_label(quiz: httpx2.Client) -> None:
    answer = guess(quiz, rounds(quiz)["pug"]["photo"], "nothing")
    assert (answer.status_code, "pug" in answer.text) == (400, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ui/{}/quiz/guesses"),
        ("POST", "/ui/{}/quiz/rounds"),
        ("GET", "/ui/{}/quiz/photos/../pug/1.jpg"),
        ("GET", "/ui/{}/quiz/photos/xyz"),
        ("GET", "/ui/foo/quiz/rounds"),
        ("GET", "/ui/{}/quiz/photos/00"),
    ],
)
def test_what_the_game_does_not_have_is_not_found(quiz: httpx2.Client, method: str, path: str) -> None:
    assert quiz.request(method, path.format("what%20a%20name%20%C3%A9")).status_code == 404


def test_a_folder_that_is_none_is_refused_at_the_start(half_plus_two: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a folder"):
        serve(half_plus_two, rest_port="auto", quiz=tmp_path / "gone")
    with pytest.raises(InvalidArgument, match="rest_port=0 turns REST off"):
        serve(half_plus_two, rest_port=0, grpc_port="auto", quiz=tmp_path)
