"""Photos on the page /docs in a real browser: dropped, pasted, chosen and broken ones; labels and image specs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.browser.conftest import Page, opened_docs

from lightship.images.spec import ImageSpec
from lightship.lifecycle.model_config import ModelConfig
from lightship.server import Server, ServerOptions

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror=alert(1)> it\'s {a} & "b"'
LABELS = [HOSTILE, *(f"label {number}" for number in range(1, 300))]
ANSWERED = "document.querySelectorAll('.photo[aria-busy=false]').length === {}"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 300 labels, whose scores are no shares of one."""
    import keras

    from lightship.packaging import export

    keras.utils.set_random_seed(1)
    photo = keras.Input((16, 16, 3), name="photo")
    scores = keras.layers.Dense(300, name="scores")(keras.layers.GlobalAveragePooling2D()(photo))
    folder = tmp_path_factory.mktemp("models") / "many"
    image = ImageSpec(family="tensorflow", fit="crop_or_pad", preprocessing={"mean": [1.0, 2.0, 3.0], "std": 50.0})
    export(keras.Model(photo, scores), folder, classes=LABELS, image=image)
    return folder


@pytest.fixture(scope="module")
def server(dog_bundle: Path, half_plus_two: Path, many: Path) -> Iterator[Server]:
    models = [ModelConfig("dog", dog_bundle), ModelConfig("half_plus_two", half_plus_two), ModelConfig("many", many)]
    with Server(ServerOptions(models=models, rest_port="auto")).start() as running:
        assert running.wait_ready(120)
        yield running


@pytest.fixture
def docs(page: Page, server: Server) -> Iterator[Page]:
    with opened_docs(page, server.rest_url, 3) as opened:
        yield opened


@pytest.fixture
def broken(tmp_path: Path, dog_photo: Path) -> Path:
    (tmp_path / "broken.jpg").write_bytes(dog_photo.read_bytes()[:20_000])
    return tmp_path / "broken.jpg"


def choose(page: Page, model: str) -> None:
    page.run(f"void (location.hash = encodeURIComponent({model!r}))")
    page.wait(f"document.querySelector('h2').textContent === {model!r}")


def best(page: Page) -> list[str]:
    """The best label of each photo, from the first card on."""
    script = "[...document.querySelectorAll('.photo')].map((one) => one.querySelector('.label')?.textContent ?? '')"
    return list(page.run(script))


def looks(page: Page, folder: Path, name: str) -> None:
    """Takes pictures of the page, and checks that nothing is wider than the window."""
    for look, width, scheme in (("light", 1200, "light"), ("dark", 1200, "dark"), ("phone", 390, "dark")):
        page.look(width, 900, scheme)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), look
        page.screenshot(folder / f"{name}-{look}.png")


def test_photos_that_are_dropped_anywhere_are_answered_at_once(
    docs: Page, photos: list[Path], dog_photo: Path, tmp_path: Path
) -> None:
    docs.drop(1000, 30, dog_photo, *photos[1:6])
    docs.wait(ANSWERED.format(6))
    assert docs.run("document.querySelector('#progress').textContent") == "6 of 6 answered"
    names = docs.run("[...document.querySelectorAll('.photo .name')].map((one) => one.textContent)")
    assert names == [dog_photo.name, *(photo.name for photo in photos[1:6])]
    assert best(docs)[0] == "bull_mastiff"
    assert docs.run("document.querySelectorAll('.photo:first-child .ranking li').length") == 5
    assert docs.run("document.querySelector('.photo .score').textContent").endswith("%")
    assert docs.run("document.querySelector('#cover').hidden")
    assert docs.wait("document.querySelector('.photo img').naturalWidth > 0")
    orientation = "getComputedStyle(document.querySelector('.photo img')).imageOrientation"
    assert docs.run(orientation) == "none"  # as the model gets it
    looks(docs, tmp_path, "dropped")


def test_more_photos_come_before_the_first_ones_and_all_can_be_cleared(
    docs: Page, photos: list[Path], dog_photo: Path
) -> None:
    docs.choose_files("#photos", dog_photo)
    docs.wait(ANSWERED.format(1))
    docs.choose_files("#photos", photos[1], photos[2])
    docs.wait(ANSWERED.format(3))
    assert docs.run("document.querySelector('.photo:last-child .name').textContent") == dog_photo.name
    choose(docs, "half_plus_two")
    choose(docs, "dog")
    assert docs.run("document.querySelectorAll('.photo').length") == 3
    docs.run("document.getElementById('clear').click()")
    assert docs.run("document.querySelectorAll('.photo').length") == 0


def test_the_command_asks_for_the_chosen_photo_with_as_many_labels(docs: Page, dog_photo: Path) -> None:
    docs.run("void (document.getElementById('top').value = '2')")
    docs.run("document.getElementById('top').dispatchEvent(new Event('input'))")
    docs.choose_files("#photos", dog_photo)
    docs.wait(ANSWERED.format(1))
    assert docs.run("document.querySelectorAll('.ranking li').length") == 2
    command = docs.run("document.querySelector('.command code').textContent")
    assert f"--data-binary '@{dog_photo.name}'" in command
    assert "Content-Type: image/jpeg" in command
    assert "/v1/models/dog:predict?top=2'" in command


def test_a_picture_is_pasted(docs: Page) -> None:
    origin = docs.run("location.origin")
    docs.command(
        "Browser.grantPermissions", origin=origin, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    docs.command("Page.bringToFront")
    docs.run(
        """(async () => {
          const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 30 });
          canvas.getContext('2d').fillRect(0, 0, 20, 20);
          const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
          await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
        })()"""
    )
    docs.press("v", 86, modifiers=2, commands=["paste"])
    docs.wait(ANSWERED.format(1))
    assert best(docs) != [""]


def test_a_broken_photo_says_why_and_the_others_are_answered(
    docs: Page, broken: Path, dog_photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "folder").mkdir()
    docs.drop(400, 500, broken, tmp_path / "notes.txt", tmp_path / "folder", dog_photo)
    docs.wait(ANSWERED.format(4))
    assert best(docs) == ["", "", "", "bull_mastiff"]
    assert docs.run("document.querySelector('#progress').textContent") == "1 of 4 answered, 3 refused"
    problems = docs.run("[...document.querySelectorAll('.photo .problem')].map((one) => one.textContent)")
    assert "truncated or broken" in problems[0]
    assert "the image is not JPEG, PNG" in problems[1]
    assert "drop the photos that are in it" in problems[2]
    looks(docs, tmp_path, "broken")
    docs.run("document.querySelector('.photo.failed button').click()")
    docs.wait("document.querySelector('.photo.failed .problem')?.textContent.includes('truncated')")
    docs.problems.clear()  # the browser notes an answer of 400 as an error


def test_a_server_that_is_gone_is_told_on_the_card(docs: Page, dog_photo: Path) -> None:
    docs.run("void (window.fetch = () => Promise.reject(new TypeError('Failed to fetch')))")
    docs.choose_files("#photos", dog_photo)
    docs.wait(ANSWERED.format(1))
    assert "Failed to fetch" in docs.run("document.querySelector('.photo .problem').textContent")
    assert docs.run("document.querySelector('.photo button').textContent") == "Try again"


def test_a_model_that_takes_no_photos_names_one_that_does(docs: Page, dog_photo: Path) -> None:
    choose(docs, "half_plus_two")
    docs.drop(400, 500, dog_photo)
    text = docs.wait("!document.getElementById('note').hidden && document.getElementById('note').textContent")
    assert text == "half_plus_two takes no photos now. Choose dog, which does."


def test_text_that_is_dropped_or_pasted_stays_what_it_is(docs: Page) -> None:
    choose(docs, "half_plus_two")
    docs.run("document.getElementById('body').select()")
    docs.command("Input.insertText", text='{"instances": [[4]]}')
    assert docs.run("document.getElementById('body').value") == '{"instances": [[4]]}'
    assert docs.run("document.getElementById('note').hidden")


def test_what_happens_to_a_photo_is_told_in_words(docs: Page) -> None:
    pairs = "[...document.querySelectorAll('dt')].map((one) => [one.textContent, one.nextElementSibling.textContent])"
    facts = f"Object.fromEntries({pairs})"
    dog = docs.run(facts)
    assert dog["Proportions"] == "stretched to the size, whatever its proportions"
    assert dog["Resizing"] == "bicubic, as Pillow does it"
    choose(docs, "many")
    many = docs.run(facts)
    assert many["Proportions"] == "not resized: a larger photo is cut to its middle, a smaller one gets black borders"
    assert many["Resizing"] == "none"


def test_many_labels_can_be_searched(docs: Page, tmp_path: Path) -> None:
    choose(docs, "many")
    assert docs.run("document.querySelectorAll('.labels li').length") == 300
    looks(docs, tmp_path, "labels")
    docs.look(1200, 900, "light")
    docs.run("document.getElementById('search').focus()")
    docs.command("Input.insertText", text="LABEL 29")
    assert docs.run("[...document.querySelectorAll('.labels li')].map((one) => one.textContent)")[0] == "label 29"
    assert docs.run("document.getElementById('found').textContent") == "11 of 300"
    docs.command("Input.insertText", text="x")
    assert docs.run("document.getElementById('found').textContent") == "0 of 300"


def test_few_labels_need_no_search_and_the_image_spec_is_told_in_words(docs: Page) -> None:
    assert docs.run("document.querySelectorAll('.labels li').length") == 19
    text = docs.run("document.querySelector('dl').innerText")
    assert "160 × 160 pixels" in text
    assert "bicubic, as Pillow does it" in text
    assert "keras.applications.mobilenet_v2.preprocess_input" in text
    choose(docs, "many")
    assert "(pixel − [1, 2, 3]) / 50" in docs.run("document.querySelector('dl').innerText")


def test_how_answers_are_explained_is_told_with_a_command(page: Page, explained_model: Path) -> None:
    options = ServerOptions(models=[ModelConfig("explained", explained_model)], rest_port="auto")
    with Server(options).start() as running:
        assert running.wait_ready(120)
        with opened_docs(page, running.rest_url, 1) as docs:
            title = "[...document.querySelectorAll('h3')].find((one) => one.textContent === 'Explanations')"
            text = docs.run(f"{title}.closest('section').innerText")
            assert "cam (the default), grad-cam" in text
            assert "features" in text
            assert f"{running.rest_url}/v1/models/explained:explain'" in text
            assert "curl -H 'Accept: image/png' --data-binary @photo.jpg -o heat.png" in text


def test_a_label_that_is_markup_stays_a_label(docs: Page, tmp_path: Path) -> None:
    choose(docs, "many")
    file = tmp_path / '<b>it\'s "x".png'
    Image.fromarray(np.full((20, 20, 3), 200, np.uint8)).save(file)
    docs.run("void (document.getElementById('top').value = '300')")
    docs.run("document.getElementById('top').dispatchEvent(new Event('input'))")
    docs.choose_files("#photos", file)
    docs.wait(ANSWERED.format(1))
    labels = docs.run("[...document.querySelectorAll('.ranking .label')].map((one) => one.textContent)")
    assert sorted(labels) == sorted(LABELS)
    assert HOSTILE in docs.run("[...document.querySelectorAll('.labels li')].map((one) => one.textContent)")
    assert docs.run("document.querySelectorAll('img[src=x], .name b').length") == 0
    assert docs.run("document.querySelector('.name').textContent") == file.name
    assert "%" not in docs.run("document.querySelector('.score').textContent")


def test_the_dialog_is_opened_by_keyboard(docs: Page) -> None:
    docs.command("Page.setInterceptFileChooserDialog", enabled=True)
    docs.run("document.getElementById('photos').focus()")
    docs.press("Enter", 13, "\r")
    docs.wait_event("Page.fileChooserOpened")
