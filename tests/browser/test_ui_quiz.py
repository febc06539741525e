"""The game on the page /ui/M/quiz in a real browser, from the start to the score, on a desktop and a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from tests.browser.conftest import Page, check_accessible
from tests.browser.ui import MAPPED, opened

from lightship.lifecycle.model_config import ModelConfig
from lightship.server import Server, ServerOptions

pytestmark = pytest.mark.browser

CHOICES = "[...document.querySelectorAll('.choice')].map((one) => one.dataset.choice)"


@pytest.fixture(scope="module")
def server(
    dog_bundle: Path, half_plus_two: Path, dog_photo: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A game of the bull mastiff, as it is and in the mirror, and of a photo that is called a pug and is none."""
    folder = tmp_path_factory.mktemp("quiz")
    (folder / "bull_mastiff").mkdir()
    with Image.open(dog_photo) as photo:
        photo.save(folder / "bull_mastiff" / "1.jpg")
        ImageOps.mirror(photo).save(folder / "Bull Mastiff 2.png")
        photo.rotate(10).save(folder / "pug-1.webp")
    models = [ModelConfig("dog", dog_bundle), ModelConfig("half_plus_two", half_plus_two)]
    with Server(ServerOptions(models=models, rest_port="auto", quiz=folder)).start() as running:
        assert running.wait_ready(120)
        yield running


@pytest.fixture
def game(page: Page, server: Server) -> Iterator[Page]:
    with opened(page, server.rest_url, "/dog/quiz", "document.getElementById('start')") as shown:
        yield shown


def guess(page: Page, label: str) -> None:
    """Guesses by the number key. Where the label is not there, the photo is called a pug, and the guess is wrong."""
    choices = page.wait(f"document.querySelector('.choice:not(:disabled)') && {CHOICES}")
    number = choices.index(label if label in choices else next(one for one in choices if one != "pug")) + 1
    page.press(str(number), 48 + number, str(number))
    page.wait("document.getElementById('next')")


def go_on(page: Page) -> None:
    assert page.run("document.activeElement.id") == "next"
    page.press("Enter", 13, "\r")


def test_a_whole_game_is_played_by_keys(game: Page, axe: str, tmp_path: Path) -> None:
    check_accessible(game, axe, tmp_path, "start")
    assert game.run("document.activeElement.id") == "start"
    game.press("Enter", 13, "\r")
    game.wait("document.querySelector('.choice')")
    assert game.run("document.activeElement.textContent") == "What is on this photo?"
    check_accessible(game, axe, tmp_path, "round")
    for number in (1, 2, 3):
        guess(game, "bull_mastiff")
        game.wait(MAPPED)
        if number == 1:
            check_accessible(game, axe, tmp_path, "told")
        assert game.run("document.querySelector('.choice.true') !== null")
        assert "dog says bull mastiff" in game.run("document.querySelector('.machine').textContent")
        go_on(game)
    game.wait("document.querySelector('.recap')")
    assert game.run("document.querySelector('h1').textContent") == "A draw, 2 : 2"
    assert game.run("document.querySelectorAll('.recap canvas').length") == 3
    recap = game.run("document.querySelector('.recap').innerText")
    assert (recap.count("✓"), recap.count("✗")) == (4, 2)
    check_accessible(game, axe, tmp_path, "end")


def test_who_guesses_better_wins_and_the_browser_remembers_it(game: Page, server: Server) -> None:
    game.run("document.getElementById('start').click()")
    for _ in range(3):
        choices = game.wait(f"document.querySelector('.choice:not(:disabled)') && {CHOICES}")
        photo = [url for url in game.asked if "/photos/" in url]
        assert not any(label in url for url in photo for label in choices)
        guess(game, "Chihuahua" if "Chihuahua" in choices else "toy_poodle")
        game.run("document.getElementById('next').click()")
    game.wait("document.querySelector('.recap')")
    assert game.run("document.querySelector('h1').textContent").startswith(("dog wins", "A draw"))
    game.open(f"{server.rest_url}/ui/dog/quiz")
    assert "of 3 photos" in game.wait("document.querySelector('.past')?.textContent")


def test_a_wrong_guess_shows_the_truth_and_the_map_can_be_hidden(game: Page) -> None:
    game.run("document.getElementById('start').click()")
    choices = game.wait(f"document.querySelector('.choice:not(:disabled)') && {CHOICES}")
    guess(game, next(label for label in choices if label not in ("bull_mastiff", "pug")))
    game.wait(MAPPED)
    assert game.run("document.querySelector('h1').textContent").startswith("No, this is ")
    assert game.run("document.querySelectorAll('.choice.false').length") == 1
    picture = "document.querySelector('.stage canvas').toDataURL()"
    before = game.run(picture)
    game.run("document.querySelector('.switch').click()")
    assert game.run("document.activeElement.textContent") == "Show the heat map"
    assert game.run(picture) != before
    game.run("document.querySelector('.switch').click()")
    assert game.run(picture) == before


def test_an_error_is_said_in_words_and_tried_again(game: Page) -> None:
    game.run("void (window.kept = fetch, window.fetch = () => Promise.reject(new TypeError('gone')))")
    game.run("document.getElementById('start').click()")
    game.wait("document.querySelector('.notice')?.textContent === 'The server does not answer.'")
    game.run("void (window.fetch = window.kept)")
    game.run("document.querySelector('.game button').click()")
    game.wait("document.getElementById('start')")


def test_a_model_without_a_game_says_why(page: Page, server: Server, axe: str, tmp_path: Path) -> None:
    with opened(page, server.rest_url, "/half_plus_two/quiz", "document.querySelector('.notice')"):
        assert "takes no photos" in page.run("document.querySelector('.notice').textContent")
        check_accessible(page, axe, tmp_path, "no-game")


def test_pages_lead_to_the_game(page: Page, server: Server) -> None:
    with opened(page, server.rest_url, "", "document.querySelectorAll('.card').length === 2"):
        page.wait("document.querySelectorAll('.card a[href=\"ui/dog/quiz\"]').length === 1")
        page.run("document.querySelector('.card .button').click()")
        page.wait("document.querySelector('.title a')?.textContent === 'Play against it'")
        page.run("document.querySelector('.title a').click()")
        page.wait("document.getElementById('start')")
