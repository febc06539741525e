"""Photos on the page /ui/M in a real browser, from the drop to the heat map, on a desktop and a phone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx2
import numpy as np
import pytest
from PIL import Image
from tests.browser.conftest import Page, check_accessible
from tests.browser.ui import MAPPED, colour, opened, pick, saved, slide
from tests.explained_model import picture

from lightship.bundle.manifest import Manifest, write_manifest
from lightship.images.spec import ImageSpec
from lightship.lifecycle.model_config import All, ModelConfig
from lightship.server import Server, ServerOptions

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> it's {a}"
EMPTY = "document.querySelector('.taking.large')"
BEST = "document.querySelector('.best')?.textContent"


@pytest.fixture(scope="module")
def server(
    dog_bundle: Path, explained_model: Path, half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The dog in two versions, and without explanations, as older exports are; two small models; an evil name."""
    folder = tmp_path_factory.mktemp("served")
    for name, version in (("dog", "1"), ("dog", "2"), ("mute", "1")):
        shutil.copytree(dog_bundle / "1", folder / name / version)
    shutil.copytree(explained_model, folder / "cropped")
    without_explanations(folder / "mute" / "1")
    cropped(folder / "cropped" / "1")
    models = [
        ModelConfig("dog", folder / "dog", All(), {"stable": 1}),
        ModelConfig("mute", folder / "mute"),
        ModelConfig("small", explained_model),
        ModelConfig("cropped", folder / "cropped"),
        ModelConfig(HOSTILE, half_plus_two),
    ]
    with Server(ServerOptions(models=models, rest_port="auto")).start() as running:
        assert running.wait_ready(120)
        yield running


def without_explanations(version: Path) -> None:
    manifest = Manifest.read(version)
    answered = tuple(name for name in manifest.image_signatures if not name.startswith("explain"))
    write_manifest(version, replace(manifest, explain=None, image_signatures=answered))


def cropped(version: Path) -> None:
    manifest = Manifest.read(version)
    spec = ImageSpec(8, 8, fit="crop", resize="bilinear", preprocessing={"scale": 1 / 255})
    write_manifest(version, replace(manifest, image=spec))


@pytest.fixture
def dog(page: Page, server: Server) -> Iterator[Page]:
    with opened(page, server.rest_url, "/dog", EMPTY) as shown:
        yield shown


def test_a_photo_is_dropped_and_the_heat_map_lies_on_the_dog(
    dog: Page, dog_photo: Path, axe: str, tmp_path: Path
) -> None:
    check_accessible(dog, axe, tmp_path, "empty")
    dog.drop(400, 500, dog_photo)
    dog.wait(MAPPED)
    assert dog.run(BEST) == "bull mastiff"
    assert dog.run("document.querySelector('.ranking [aria-pressed=true]').textContent") == "bull mastiff"
    assert dog.run("document.querySelector('.stage canvas').ariaLabel").endswith("heat map of bull mastiff over it")
    check_accessible(dog, axe, tmp_path, "look")
    slide(dog, 0)
    head, corner = colour(dog, 0.45, 0.5), colour(dog, 0.9, 0.9)
    slide(dog, 100)
    hot, cold = colour(dog, 0.45, 0.5), colour(dog, 0.9, 0.9)
    assert hot[0] - hot[2] > 60 > head[0] - head[2]  # yellow, on the head alone
    assert cold[0] - cold[2] < 40
    assert np.abs(np.subtract(corner, cold)).max() > 5  # blue lets the grass through, but darker


def test_several_photos_are_walked_through_by_keys(dog: Page, photos: list[Path], dog_photo: Path) -> None:
    dog.choose_files("#photos", photos[3], dog_photo, photos[5])
    dog.wait("document.querySelectorAll('.strip canvas').length === 3")
    dog.wait("[...document.querySelectorAll('.caption')].every((one) => one.textContent !== '…')")
    assert dog.run("document.querySelectorAll('.strip .caption')[1].textContent") == "bull mastiff"
    dog.run("document.querySelector('.strip button').focus()")
    dog.press("ArrowRight", 39)
    dog.wait(f"{BEST} === 'bull mastiff'")
    assert dog.run("document.activeElement.ariaLabel").endswith(": bull mastiff")
    assert dog.run("document.activeElement.ariaCurrent") == "true"
    dog.press("ArrowLeft", 37)
    dog.wait(f"{BEST} !== 'bull mastiff'")
    dog.run("document.querySelector('.clear').click()")
    dog.wait(EMPTY)


def test_of_very_many_photos_the_first_are_shown_and_few_are_decoded_at_once(
    page: Page, server: Server, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.png" for number in range(101)]
    for file in files:
        file.write_bytes(picture())
    with opened(page, server.rest_url, "/small", EMPTY):
        page.run(
            """void (window.counts = { now: 0, most: 0 }, window.kept = createImageBitmap,
            window.createImageBitmap = async (file) => {
              counts.most = Math.max(counts.most, ++counts.now);
              return kept(file).finally(() => (counts.now -= 1));
            })"""
        )
        page.choose_files("#photos", *files)
        page.wait("[...document.querySelectorAll('.strip .thumb')].filter((one) => one.firstChild).length === 100")
        assert page.run("document.getElementById('note').textContent") == "Of 101 photos, the page shows the first 100."
        assert page.run("document.querySelector('.strip [aria-current=true]').ariaLabel").startswith("0.png: ")
        assert page.run("counts.most") == 2


def test_another_label_and_method_are_explained(dog: Page, dog_photo: Path) -> None:
    dog.choose_files("#photos", dog_photo)
    dog.wait(MAPPED)
    before = colour(dog, 0.45, 0.5)
    dog.run("(button => (button.focus(), button.click()))(document.querySelectorAll('.ranking button')[1])")
    dog.wait("!document.querySelector('.legend').textContent.includes('bull mastiff')")
    label = dog.run("document.querySelector('.ranking [aria-pressed=true]').dataset.label")
    assert dog.run("document.activeElement.dataset.label") == label
    assert dog.run("document.getElementById('label').value") == f"={label}"
    assert f"class={label}" in dog.run("document.querySelector('.command code').textContent")
    assert np.abs(np.subtract(before, colour(dog, 0.45, 0.5))).max() > 3
    pick(dog, "label", "=Samoyed")
    dog.wait("document.querySelector('.legend').textContent.includes('Samoyed')")
    assert dog.run("document.querySelectorAll('.ranking li').length") == 6
    code = dog.run("document.querySelectorAll('.command code')[1].textContent")
    assert f'explain_image("dog", "{dog_photo.name}", class_="Samoyed").save(' in code


def test_the_map_and_the_picture_are_saved(dog: Page, dog_photo: Path, tmp_path: Path) -> None:
    dog.choose_files("#photos", dog_photo)
    dog.wait(MAPPED)
    name = f"{dog_photo.stem}-bull_mastiff"
    array = np.load(saved(dog, tmp_path, "Map (.npy)", f"{name}.npy"))
    document = json.loads(saved(dog, tmp_path, "Map (JSON)", f"{name}.json").read_text())
    assert (array.dtype, array.shape) == (np.float32, (5, 5))
    np.testing.assert_array_equal(array, np.float32(document["map"]))
    assert (document["model"], document["label"], document["method"]) == ("dog", "bull_mastiff", "cam")
    with Image.open(saved(dog, tmp_path, "Picture", f"{name}.png")) as picture, Image.open(dog_photo) as photo:
        assert picture.size == photo.size


@pytest.mark.parametrize("label", ["0", "bull mästiff"])
def test_the_map_is_that_of_the_rest_api_whatever_the_label_looks_like(
    page: Page, server: Server, label: str, tmp_path: Path
) -> None:
    (tmp_path / "it's.png").write_bytes(picture())
    with opened(page, server.rest_url, "/small", EMPTY):
        page.choose_files("#photos", tmp_path / "it's.png")
        page.wait(MAPPED)
        pick(page, "label", f"={label}")
        pick(page, "method", "grad-cam")
        page.wait("document.querySelector('.facts').textContent.includes('grad-cam, 4 × 4 cells of layer features')")
        document = json.loads(saved(page, tmp_path, "Map (JSON)", f"it's-{label}.json").read_text())
        url = f"{server.rest_url}/v1/models/small:explain"
        answer = httpx2.post(url, params={"class": label, "method": "grad-cam"}, content=picture()).json()
        (expected,) = answer["explanations"]
        assert {key: document[key] for key in expected} == expected
        assert f'class_="{label}", method="grad-cam").save(' in page.run(
            "document.querySelector('.programs').textContent"
        )
        command = page.run("document.querySelector('.command code').textContent")
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=60)
    assert b'"labels"' in done.stdout
    with Image.open(tmp_path / "heat.png") as heat:
        assert heat.size == (40, 30)


def test_the_map_covers_the_part_of_the_photo_that_the_model_saw(page: Page, server: Server, tmp_path: Path) -> None:
    """A photo twice as wide as high is cut at both sides."""
    Image.new("RGB", (400, 200), "white").save(tmp_path / "wide.png")
    with opened(page, server.rest_url, "/cropped", EMPTY):
        page.choose_files("#photos", tmp_path / "wide.png")
        page.wait(MAPPED)
        slide(page, 100)
        assert [colour(page, x, 0.4) for x in (0.0, 0.13, 0.77, 0.89)] == [[255, 255, 255]] * 4
        assert min(colour(page, 0.45, 0.4)) < 240


def test_two_versions_are_seen_side_by_side(dog: Page, dog_photo: Path, axe: str, tmp_path: Path) -> None:
    dog.choose_files("#photos", dog_photo)
    dog.wait(MAPPED)
    pick(dog, "other", "labels/stable")
    dog.wait("document.querySelectorAll('.legend').length === 2")
    assert dog.run("[...document.querySelectorAll('.pane h2')].map((one) => one.textContent)") == [
        "version 2 · newest",
        "version 1 · stable",
    ]
    facts = dog.run("[...document.querySelectorAll('.pane .facts')].map((one) => one.textContent)")
    assert ["version 2" in facts[0], "version 1" in facts[1]] == [True, True]
    check_accessible(dog, axe, tmp_path, "compared")
    dog.look(1280, 900, "light")
    lefts = dog.run("[...document.querySelectorAll('.pane')].map((one) => one.getBoundingClientRect().left)")
    assert lefts[1] > lefts[0] + 300
    pick(dog, "other", "none")
    dog.wait("document.querySelector('.pane:last-child').hidden")


def test_a_model_without_explanations_says_so_and_gives_its_labels(
    page: Page, server: Server, dog_photo: Path, axe: str, tmp_path: Path
) -> None:
    with opened(page, server.rest_url, "/mute", EMPTY):
        page.choose_files("#photos", dog_photo)
        page.wait(f"{BEST} === 'bull mastiff'")
        assert "Export the Keras model again" in page.run("document.querySelector('.verdict .notice').textContent")
        assert "explain" not in page.run("document.querySelector('.programs').textContent")
        assert page.run("document.getElementById('opacity')") is None
        check_accessible(page, axe, tmp_path, "mute")


def test_a_broken_photo_says_why_and_the_others_are_answered(dog: Page, dog_photo: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(dog_photo.read_bytes()[:20_000])
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "folder").mkdir()
    dog.drop(400, 500, tmp_path / "broken.jpg", tmp_path / "notes.txt", tmp_path / "folder", dog_photo)
    dog.wait("[...document.querySelectorAll('.caption')].every((one) => one.textContent !== '…')")
    problems = []
    for index in range(3):
        dog.run(f"document.querySelectorAll('.strip button')[{index}].click()")
        problems.append(dog.wait("document.querySelector('.verdict .problem')?.textContent"))
    assert "truncated or broken" in problems[0]
    assert "the image is not JPEG, PNG" in problems[1]
    assert "drop the photos that are in it" in problems[2]
    dog.run("document.querySelectorAll('.strip button')[3].click()")
    dog.wait(f"{BEST} === 'bull mastiff'")
    dog.problems.clear()  # the browser notes an answer of 400 as an error


def test_a_server_that_is_gone_is_told_and_asked_again(dog: Page, dog_photo: Path) -> None:
    dog.run("void (window.kept = fetch, window.fetch = () => Promise.reject(new TypeError('Failed to fetch')))")
    dog.choose_files("#photos", dog_photo)
    told = dog.wait("document.querySelector('.verdict .problem')?.textContent")
    assert told == ("No answer came: the server has stopped, or cannot be reached from this browser (Failed to fetch).")
    dog.run("void (window.fetch = window.kept)")
    dog.run("document.querySelector('.verdict button').click()")
    dog.wait(MAPPED)


def test_an_answer_without_numbers_is_told_apart_from_an_error(dog: Page, dog_photo: Path) -> None:
    """A model whose training has diverged answers NaN, which is TensorFlow Serving's JSON but not a browser's."""
    text = '{"predictions": [{"labels": ["pug"], "scores": [NaN]}]}'
    dog.run(f"void (window.fetch = async () => new Response({text!r}))")
    dog.choose_files("#photos", dog_photo)
    told = dog.wait("document.querySelector('.verdict .problem')?.textContent")
    assert told == f"The model answers, but not with numbers that can be shown (such as NaN): {text}"


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png"])
def test_a_photo_that_lies_on_its_side_is_turned(dog: Page, dog_photo: Path, tmp_path: Path, name: str) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    with Image.open(dog_photo) as photo:
        photo.crop((0, 0, 500, 300)).rotate(90, expand=True).save(tmp_path / name, exif=turned)
    dog.choose_files("#photos", tmp_path / name)
    dog.wait("!document.querySelector('.sheet > .notice').hidden")
    assert dog.run("(({ width, height }) => [width, height])(document.querySelector('.stage canvas'))") == [300, 500]
    dog.run("document.querySelector('.sheet > .notice button').click()")
    dog.wait("document.querySelector('.stage canvas').width === 500")
    assert dog.run("document.querySelector('.sheet > .notice').hidden")
    dog.wait(MAPPED)


def test_several_photos_are_taken_with_the_camera(dog: Page, axe: str, tmp_path: Path) -> None:
    dog.run("document.getElementById('camera').click()")
    dog.wait("document.querySelector('video')?.videoWidth")
    check_accessible(dog, axe, tmp_path, "camera")
    for count in (1, 2):
        dog.run("document.getElementById('shutter').click()")
        dog.wait(f"document.querySelector('dialog p').textContent.startsWith('{count} photo')")
    dog.run("document.querySelector('dialog .plain').click()")
    dog.wait("!document.querySelector('dialog')")
    dog.wait("document.querySelectorAll('.strip li').length === 2")
    assert dog.run("document.activeElement.id") == "camera"
    dog.wait(MAPPED)


def test_a_picture_is_pasted(dog: Page) -> None:
    origin = dog.run("location.origin")
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    dog.command("Browser.grantPermissions", origin=origin, permissions=permissions)
    dog.command("Page.bringToFront")
    dog.run(
        """(async () => {
          const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 30 });
          canvas.getContext('2d').fillRect(0, 0, 20, 20);
          const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
          await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
        })()"""
    )
    dog.press("v", 86, modifiers=2, commands=["paste"])
    dog.wait(MAPPED)


def test_a_new_version_is_shown_and_asked(dog: Page, server: Server, dog_photo: Path) -> None:
    dog.choose_files("#photos", dog_photo)
    dog.wait(MAPPED)
    server.manager.set_labels("dog", {"stable": 1, "fresh": 2})
    dog.wait("[...document.getElementById('which').options].some((one) => one.value === 'labels/fresh')")
    pick(dog, "which", "versions/1")
    dog.wait("document.querySelector('.facts')?.textContent.endsWith('version 1')")
    assert "/versions/1:predict" in dog.run("document.querySelector('.command code').textContent")
    server.manager.set_labels("dog", {"stable": 1})


def test_the_models_are_listed(page: Page, server: Server, axe: str, tmp_path: Path) -> None:
    with opened(page, server.rest_url, "", "document.querySelectorAll('.card').length === 5"):
        assert page.run("document.querySelectorAll('img').length") == 0
        assert page.run("[...document.querySelectorAll('.card h2')].map((one) => one.textContent)")[-1] == HOSTILE
        check_accessible(page, axe, tmp_path, "models")
        page.run("document.querySelector('.card .button').click()")
        page.wait(f"{EMPTY} && location.pathname === '/ui/dog'")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (quote(HOSTILE, safe=""), "takes no photos, only tensors"),
        ("foo", "There is no model called foo"),
        ("%E0", "There is no model called %E0"),
    ],
)
def test_a_model_that_takes_no_photos_or_is_not_there_says_so(
    page: Page, server: Server, path: str, text: str, axe: str, tmp_path: Path
) -> None:
    with opened(page, server.rest_url, f"/{path}", "document.querySelector('.notice')"):
        assert text in page.run("document.querySelector('.notice').textContent")
        assert page.run("document.querySelectorAll('img').length") == 0
        check_accessible(page, axe, tmp_path, "refused")
