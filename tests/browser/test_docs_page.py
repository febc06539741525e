"""The page /docs in a real browser: what it shows, calls made on it, what it asks of whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.browser.conftest import Page, opened_docs

from lightship.lifecycle.model_config import ModelConfig
from lightship.server import Server, ServerOptions

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> it's {a}"


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    models = [
        ModelConfig("half_plus_two", half_plus_two, labels={"stable": 123}),
        ModelConfig(HOSTILE, half_plus_two),
    ]
    with Server(ServerOptions(models=models, rest_port="auto")).start() as running:
        assert running.wait_ready(120)
        yield running


@pytest.fixture
def docs(page: Page, server: Server) -> Iterator[Page]:
    with opened_docs(page, server.rest_url, 2) as opened:
        yield opened


def choose(page: Page, model: str) -> None:
    page.run(f"void (location.hash = encodeURIComponent({model!r}))")
    page.wait(f"document.querySelector('h2').textContent === {model!r}")


def pick(page: Page, field: str, value: str) -> None:
    page.run(
        f"(select => {{ select.value = {value!r}; select.dispatchEvent(new Event('change')) }})"
        f"(document.getElementById('{field}'))"
    )


def test_json_is_sent_and_its_answer_shown(docs: Page, tmp_path: Path) -> None:
    choose(docs, "half_plus_two")
    assert json.loads(docs.run("document.getElementById('body').value")) == {"instances": [[0.5]]}
    docs.run("document.getElementById('send').click()")
    docs.wait("document.querySelector('.outcome.good')")
    assert "200 OK" in docs.run("document.querySelector('.outcome').textContent")
    assert "version 123" in docs.run("document.querySelector('.outcome').textContent")
    assert "2.25" in docs.run("document.querySelector('#answer pre').textContent")
    docs.screenshot(tmp_path / "json.png")


def test_a_refusal_is_shown(docs: Page) -> None:
    choose(docs, "half_plus_two")
    docs.run("void (document.getElementById('body').value = '{\"instances\": [\"x\"]}')")
    docs.run("document.getElementById('send').click()")
    docs.wait("document.querySelector('.outcome.bad')")
    assert "is not of expected type: float" in docs.run("document.querySelector('#answer pre').textContent")
    docs.problems.clear()  # the browser notes an answer of 400 as an error


def test_a_file_of_numpys_is_sent_to_a_label(docs: Page, tmp_path: Path) -> None:
    choose(docs, "half_plus_two")
    pick(docs, "which", "labels/stable")
    pick(docs, "body-kind", "npy")
    np.save(tmp_path / "x.npy", np.array([[8.0]], np.float32))
    docs.choose_files("#file", tmp_path / "x.npy")
    docs.run("document.getElementById('send').click()")
    docs.wait("document.querySelector('.outcome.good')")
    assert "6.0" in docs.run("document.querySelector('#answer pre').textContent")
    assert "/labels/stable:predict" in docs.run("document.querySelector('.command code').textContent")


def test_signatures_and_verbs_can_be_chosen(docs: Page) -> None:
    choose(docs, "half_plus_two")
    pick(docs, "signature", "classify_x_to_y")
    assert docs.run("[...document.getElementById('verb').options].map((one) => one.value)") == ["classify", "predict"]
    docs.run("document.getElementById('send').click()")
    docs.wait("document.querySelector('.outcome.good')")
    assert "2.75" in docs.run("document.querySelector('#answer pre').textContent")


def test_a_name_that_is_markup_stays_a_name(docs: Page) -> None:
    choose(docs, HOSTILE)
    assert docs.run("document.querySelectorAll('img[src=x]').length") == 0
    docs.run("document.getElementById('send').click()")
    docs.wait("document.querySelector('.outcome.good')")
    assert docs.run("document.querySelector('.command code').textContent").endswith("%20it%27s%20%7Ba%7D:predict'")


def test_it_is_used_by_keyboard_alone(docs: Page) -> None:
    choose(docs, "half_plus_two")
    docs.run("document.getElementById('send').focus()")
    docs.press("Enter", 13, "\r")
    docs.wait("document.querySelector('.outcome.good')")


def test_what_changes_on_the_server_is_shown(docs: Page, server: Server) -> None:
    choose(docs, "half_plus_two")
    docs.run("void (document.getElementById('body').value = '{}')")
    docs.run("document.getElementById('body').dispatchEvent(new Event('input'))")
    server.manager.set_labels("half_plus_two", {"stable": 123, "fresh": 123})
    docs.wait("[...document.getElementById('which').options].some((one) => one.value === 'labels/fresh')")
    assert docs.run("document.getElementById('body').value") == "{}"
