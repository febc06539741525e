"""The text of the Dockerfile, and that nothing gets out of its place in it."""

from __future__ import annotations

import pytest

from lightship.docker.dockerfile import checked_image, checked_key, checked_tag, dockerfile, quoted
from lightship.errors import InvalidArgument


def test_the_server_is_below_and_each_version_is_a_layer() -> None:
    text = dockerfile("lightship:1", ["layers/1", "layers/2"], {"MODEL_NAME": "dog"}, {"a": "1", "b.c": "2 3"}, 5)
    assert text == (
        "FROM lightship:1\n"
        "ARG SOURCE_DATE_EPOCH=5\n"
        "COPY layers/1/ /\n"
        "COPY layers/2/ /\n"
        'ENV MODEL_NAME="dog"\n'
        'LABEL a="1" \\\n    b.c="2 3"\n'
    )


def test_what_means_something_in_a_dockerfile_is_escaped() -> None:
    assert quoted('a"b\\c$d') == '"a\\"b\\\\c\\$d"'


@pytest.mark.parametrize("text", ["a\nRUN evil", "a\rb", "a\0b", "a\u2028b", "\x1b[2J"])
def test_more_than_a_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="one line of printable text"):
        quoted(text)


@pytest.mark.parametrize("name", ["lightship:0.1.0", "tensorflow/serving", "localhost:5000/a/b:c@sha256:" + "0" * 64])
def test_names_of_images(name: str) -> None:
    assert checked_image(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a\nRUN evil", "$HOME", "--platform=x", "a AS b", "a\\"])
def test_what_is_no_name_of_an_image_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="not the name of an image"):
        checked_image(name)


@pytest.mark.parametrize("tag", ["dog", "dog:1", "Registry.example.com:5000/pets/big_dog__x:V1.0-a", "a/b--c:latest"])
def test_tags(tag: str) -> None:
    assert checked_tag(tag) == tag


@pytest.mark.parametrize(
    "tag", ["", "Dog", "dog:", "dog: 1", "dog:1\n", "-dog", "dog/", "a@sha256:" + "0" * 64, "dog:" + "1" * 129]
)
def test_what_an_image_cannot_be_called_is_refused(tag: str) -> None:
    with pytest.raises(InvalidArgument, match="not a name for an image"):
        checked_tag(tag)


@pytest.mark.parametrize("key", ["", "a b", 'a"', "a=b", ".a", "a.", "a\n"])
def test_what_is_no_label_is_refused(key: str) -> None:
    with pytest.raises(InvalidArgument, match="not a label's key"):
        checked_key(key)
