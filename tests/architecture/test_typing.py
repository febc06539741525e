"""What mypy, and so an editor, sees of the public functions. mypy checks this file: it reports an ignored error that is
none, so each comment here is a test."""

from __future__ import annotations

import pytest

import lightship


def test_an_option_that_does_not_exist_is_an_error_before_the_program_runs() -> None:
    with pytest.raises(TypeError, match="did you mean 'rest_port'"):
        lightship.serve("models/dog", rest_prot=8501)  # type: ignore[arg-type]


def test_an_option_of_another_type_is_an_error_before_the_program_runs() -> None:
    with pytest.raises(lightship.errors.InvalidArgument, match="rest_port=any"):
        lightship.serve("models/dog", rest_port="any")  # type: ignore[arg-type]


def test_a_version_of_another_type_is_an_error_before_the_program_runs() -> None:
    with pytest.raises(lightship.errors.InvalidArgument, match="version is '1'"):
        lightship.load("models/dog", version="1")  # type: ignore[arg-type]
