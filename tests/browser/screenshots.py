"""Makes the pictures of docs/guides/ui.md, with the dog of `make demo`: python -m tests.browser.screenshots [MODEL]"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path

import httpx2
from demo.assets import fetch
from PIL import Image, ImageOps
from tests.browser.conftest import FRAME, LOOKS, Page, running, tab_of
from tests.browser.ui import MAPPED

import lightship

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "images" / "ui"
QUALITY = 82  # of WebP
OTHERS = (16, 7, 15)  # photos beside the dog
ENDINGS = {"desktop": "", "dark desktop": "-dark", "phone": "-phone", "dark phone": "-dark-phone"}
SHOWN = {"look.webp", "look-dark-phone.webp", "quiz-dark.webp", "quiz-phone.webp"}  # in the guide

HEIGHTS = {"look.webp": 1020, "quiz-dark.webp": 780, "quiz-phone.webp": 860}  # pixels; others are those of a window


def main(model: str = "models/dog") -> None:
    assets = fetch()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        shutil.copy(assets.photo, work / "my-dog.jpg")
        quiz_photos(assets.photo, work / "quiz")
        with (
            lightship.serve(f"dog={model}", rest_port="auto", quiz=work / "quiz") as server,
            running(shutil.which("chromium") or "chromium", work / "chromium") as chromium,
            tab_of(chromium) as page,
        ):
            httpx2.post(f"{server.rest_url}/v1/models/dog:explain", content=assets.photo.read_bytes(), timeout=120)
            look(page, server.rest_url, [work / "my-dog.jpg", *(assets.photos[index] for index in OTHERS)])
            play(page, server.rest_url)


def quiz_photos(photo: Path, folder: Path) -> None:
    (folder / "bull_mastiff").mkdir(parents=True)
    with Image.open(photo) as picture:
        picture.save(folder / "bull_mastiff" / "1.png")
        ImageOps.mirror(picture).save(folder / "bull_mastiff" / "2.png")


def look(page: Page, url: str, photos: list[Path]) -> None:
    page.look(*LOOKS[0][1:])
    page.open(f"{url}/ui/dog")
    page.wait("document.querySelector('.taking.large')")
    page.choose_files("#photos", *photos)
    page.wait(MAPPED)
    page.wait(f"document.querySelectorAll('.strip canvas').length === {len(photos)}")
    page.wait("[...document.querySelectorAll('.caption')].every((one) => one.textContent !== '…')")
    shoot(page, "look")


def play(page: Page, url: str) -> None:
    page.look(*LOOKS[0][1:])
    page.open(f"{url}/ui/dog/quiz")
    page.wait("document.getElementById('start')")
    page.run("document.getElementById('start').click()")
    page.wait("document.querySelector('.choice')")
    page.run("document.querySelector('[data-choice=bull_mastiff]').click()")
    page.wait(MAPPED)
    shoot(page, "quiz")


def shoot(page: Page, name: str) -> None:
    """Pictures of the page as it is."""
    for look, width, height, scheme in LOOKS:
        file = FOLDER / f"{name}{ENDINGS[look]}.webp"
        if file.name not in SHOWN:
            continue
        page.look(width, HEIGHTS.get(file.name, height), scheme)
        page.run(FRAME)
        data = page.command("Page.captureScreenshot", format="webp", quality=QUALITY)["data"]
        file.write_bytes(base64.b64decode(data))
    page.look(*LOOKS[0][1:])


if __name__ == "__main__":
    main(*sys.argv[1:])
