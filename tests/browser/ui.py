"""The page /ui in a browser: opening it, and what tests of it ask for again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.conftest import Page, asking_nobody_else

MAPPED = "document.querySelector('.legend')"
# The mean colour of a part of the canvas with the photo, given by shares of its width and height.
COLOUR = """(({{ x, y, side }}) => {{
  const canvas = document.querySelectorAll('.stage canvas')[{index}];
  const [left, top, width] = [x * canvas.width, y * canvas.height, Math.max(1, side * canvas.width)].map(Math.round);
  const copy = Object.assign(document.createElement('canvas'), {{ width: canvas.width, height: canvas.height }});
  const context = copy.getContext('2d', {{ willReadFrequently: true }});
  context.drawImage(canvas, 0, 0);
  const data = context.getImageData(left, top, width, width).data;
  const mean = (at) => data.reduce((sum, value, index) => sum + (index % 4 === at ? value : 0), 0) * 4 / data.length;
  return [0, 1, 2].map(mean);
}})({{ x: {x}, y: {y}, side: {side} }})"""


@contextmanager
def opened(page: Page, url: str, path: str, ready: str) -> Iterator[Page]:
    """The page below /ui, open; at the end nothing may have been complained of, and nobody else asked."""
    page.look(1280, 900, "light")
    page.open(f"{url}/ui{path}")
    page.wait(ready)
    with asking_nobody_else(page, url):
        yield page


def pick(page: Page, field: str, value: str) -> None:
    page.run(
        f"(select => {{ select.value = {value!r}; select.dispatchEvent(new Event('change')) }})"
        f"(document.getElementById('{field}'))"
    )


def slide(page: Page, value: int) -> None:
    page.run(
        f"(slider => {{ slider.value = {value}; slider.dispatchEvent(new Event('input')) }})"
        "(document.getElementById('opacity'))"
    )


def colour(page: Page, x: float, y: float, side: float = 0.1, index: int = 0) -> list[float]:
    return list(page.run(COLOUR.format(x=x, y=y, side=side, index=index)))


def saved(page: Page, folder: Path, button: str, name: str) -> Path:
    """Clicks on a button that saves a file, and waits until it is whole."""
    page.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.run(f"[...document.querySelectorAll('button')].find((one) => one.textContent === {button!r}).click()")
    for _ in range(600):
        if (folder / name).exists():
            return folder / name
        page.run("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError(f"{name} was not saved: {sorted(path.name for path in folder.iterdir())}")
