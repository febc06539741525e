"""README and every page of docs/ do what they say: their blocks run, and print what stands behind them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.docs.blocks import LANGUAGES, ROOT, Reader, blocks, pages

MAX_CONSOLE = 20  # blocks that no test runs
RUN = {
    str(page.relative_to(ROOT)): found
    for page in pages()
    if (found := [block for block in blocks(page.read_text()) if block.language != "bash"])
}


@pytest.fixture
def folder(tmp_path: Path, dog_bundle: Path, half_plus_two: Path, dog_photo: Path) -> Path:
    """What `make demo` leaves, with a second model, and with files that a user has: a trained model and its classes."""
    shutil.copytree(dog_bundle, tmp_path / "models" / "dog")
    shutil.copytree(half_plus_two, tmp_path / "models" / "half_plus_two")
    (tmp_path / "photos").mkdir()
    shutil.copyfile(dog_photo, tmp_path / "photos" / "dog.jpg")
    (tmp_path / "classes.txt").write_text("convertible\npickup\nvan\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", RUN)
def test_the_blocks_of_a_page_do_what_it_says(page: str, folder: Path) -> None:
    if any("my_model.keras" in block.code for block in RUN[page]):
        make_model(folder / "my_model.keras")
    reader = Reader(folder)
    try:
        for block in RUN[page]:
            reader.read(block)
    finally:
        reader.close()


def make_model(path: Path) -> None:
    """A user's own model, for blocks that export one without making it."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")]
    keras.Sequential(layers).save(path)


def test_every_block_says_what_it_is() -> None:
    fences = {page: re.findall(r"^ *```(\S*)\n(?:.*?)^ *```$", page.read_text(), re.M | re.S) for page in pages()}
    unknown = {str(page.relative_to(ROOT)): set(found) - LANGUAGES for page, found in fences.items()}
    assert {page: found for page, found in unknown.items() if found} == {}


def test_few_commands_are_not_run() -> None:
    assert sum(page.read_text().count("```console\n") for page in pages()) <= MAX_CONSOLE


def test_every_output_stands_behind_its_block() -> None:
    left = {page.name: page.read_text().count("```output\n") - len(behind(page)) for page in pages()}
    assert {page: number for page, number in left.items() if number} == {}


def behind(page: Path) -> list[str]:
    """The outputs that belong to a block; those behind `js` too."""
    text = page.read_text()
    javascript = re.findall(r"^```js\n.*?^```\n```output\n(.*?)^```", text, re.M | re.S)
    return [block.output for block in blocks(text) if block.output is not None] + javascript


def test_readme_and_getting_started_have_blocks_of_each_kind() -> None:
    for page in ("README.md", "docs/getting-started.md"):
        assert {block.language for block in RUN[page]} == {"python", "sh"}
        assert sum(block.output is not None for block in RUN[page]) >= 4
