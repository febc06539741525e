"""The page `/ui`, for looking at photos with a model's eyes, and the game below it. TensorFlow Serving has neither.

GET /ui, /ui/M, /ui/M/quiz       the page: the models, one of them, its game
GET /ui/M/quiz/rounds?count=N    photos to guess and labels to choose from, as JSON
GET /ui/M/quiz/photos/ID         a photo
POST /ui/M/quiz/guesses          {"photo": ID, "label": "pug"}: the true label, as JSON
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import parse_qs, unquote_to_bytes

import orjson

from lightship.errors import InvalidArgument, TooLarge
from lightship.services.quiz import Quiz
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Headers, Request, Response, html_error
from lightship.transports.rest.pages.page_file import HEADERS, page_of
from lightship.transports.rest.reading.values import decoded

MAX_GUESS_BYTES = 64 << 10
DEFAULT_ROUNDS = 10

_PAGE = re.compile(r"/ui(/[^/]*(/quiz)?)?")
_QUIZ = re.compile(r"/ui/([^/]+)/quiz/(?:(rounds)|(guesses)|photos/([0-9a-f]{1,64}))")
# What belongs to a photo must not be read as a page, whatever is in the file.
_PHOTO_HEADERS: Headers = (
    (b"Cache-Control", b"private, max-age=3600"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Content-Security-Policy", b"default-src 'none'; sandbox"),
)


def is_ui(path: str) -> bool:
    """Returns whether a path belongs to this page."""
    return path.startswith("/ui") and (len(path) == 3 or path[3] == "/")


class UiPages:
    """Answers requests for the page and its game. Any thread may call its methods.

    `quiz`: the games; None: there are none. `limits`: the most bytes of a photo.
    """

    def __init__(self, limits: Limits, quiz: Quiz | None = None) -> None:
        self._limits, self._quiz = limits, quiz

    def answer(self, request: Request) -> Response:
        """Returns the response to a request for which `is_ui` is true. Raises the errors of `Quiz`."""
        if _PAGE.fullmatch(request.path) and request.method in ("GET", "HEAD"):
            shown = frozenset() if self._quiz is None else frozenset({"quiz"})
            return page_of("ui.html", shown, "../" * (request.path.count("/") - 1))
        found = _QUIZ.fullmatch(request.path)
        answer = None if found is None or self._quiz is None else self._in_game(self._quiz, request, found)
        return html_error(404, "Not Found") if answer is None else answer()

    def _in_game(self, quiz: Quiz, request: Request, found: re.Match[str]) -> Callable[[], Response] | None:
        model = decoded(unquote_to_bytes(found[1]))
        if found[3]:
            return (lambda: _judged(quiz, model, request)) if request.method == "POST" else None
        if request.method not in ("GET", "HEAD"):
            return None
        if found[2]:
            return lambda: _rounds(quiz, model, request)
        return lambda: self._photo(quiz, model, found[4], request)

    def _photo(self, quiz: Quiz, model: str, photo: str, request: Request) -> Response:
        data, name = quiz.read(model, photo, self._limits.image, request.memory)
        return Response(200, data, b"image/" + name.lower().encode(), _PHOTO_HEADERS)


def _rounds(quiz: Quiz, model: str, request: Request) -> Response:
    game = quiz.game(model)
    rounds = [asdict(one) for one in game.rounds(_count(request.query))]
    labels = len(set(game.photos.values()))
    answer = {"rounds": rounds, "photos": len(game.photos), "labels": labels, "reason": game.reason}
    return Response(200, orjson.dumps(answer), headers=HEADERS)


def _count(query: str) -> int:
    given = parse_qs(query).get("count", [str(DEFAULT_ROUNDS)])[-1]
    if not (given.isascii() and given.isdecimal() and len(given) < 10):
        raise InvalidArgument(f"count={given[:100]!r} is not a number of rounds: give one such as {DEFAULT_ROUNDS}")
    return int(given)


def _judged(quiz: Quiz, model: str, request: Request) -> Response:
    if len(request.body) > MAX_GUESS_BYTES:
        raise TooLarge(f"a guess of {len(request.body)} bytes: send at most {MAX_GUESS_BYTES}")
    try:
        given = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument(f"the guess is not JSON: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(given.get(key), str) for key in ("photo", "label")):
        raise InvalidArgument('a guess is an object such as {"photo": "0123456789ab", "label": "pug"}')
    label = quiz.answer(model, given["photo"], given["label"])
    return Response(200, orjson.dumps({"label": label, "right": label == given["label"]}), headers=HEADERS)
