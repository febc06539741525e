"""Messages name arguments as their caller wrote them."""

from __future__ import annotations

import threading

import pytest

from lightship.packaging.arguments import _ARGUMENTS, argument, image_setting, named_as_options


@pytest.mark.parametrize("name", _ARGUMENTS)
def test_options_begin_with_two_dashes_and_arguments_do_not(name: str) -> None:
    assert not argument(name).startswith("-")
    with named_as_options():
        assert argument(name).startswith("--")
    assert not argument(name).startswith("-")


def test_a_field_of_the_image_spec_is_given_by_its_option() -> None:
    assert image_setting("color", "rgba") == "image=ImageSpec(color='rgba')"
    with named_as_options():
        assert image_setting("color", "rgba") == "--color rgba"
        assert image_setting("preprocessing", "none") == "--preprocess none"


def test_other_threads_have_their_own_caller() -> None:
    said: list[str] = []
    with named_as_options():
        thread = threading.Thread(target=lambda: said.append(argument("classes")))
        thread.start()
        thread.join()
    assert said == ["classes="]


def test_options_that_are_named_exist() -> None:
    import typer

    from lightship.cli.app import app

    export = typer.main.get_command(app).commands["export"]  # type: ignore[attr-defined]
    options = {name for one in export.params for name in one.opts}
    with named_as_options():
        assert {argument(name).split()[0] for name in _ARGUMENTS} <= options
