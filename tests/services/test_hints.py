"""What a hint says, how long it is at most, and that it follows the models."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from lightship.engines.base import check_inputs, check_outputs
from lightship.errors import InvalidArgument, LightshipError, NotFound, Unimplemented, WrongShapes
from lightship.lifecycle import Manager, Servable
from lightship.services.hints import MAX_HINT_BYTES, Hints, with_expected_shapes
from lightship.services.predict import check_signature, predict

DEADLINE = 60.0


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager()
    yield made
    made.close(DEADLINE)


@pytest.fixture
def loaded(manager: Manager, half_plus_two: Path) -> Manager:
    """Two models; one has two versions and labels."""
    path = half_plus_two / "123"
    manager.aspire("half", {1: path, 2: path})
    manager.set_labels("half", {"stable": 1, "canary": 2})
    manager.aspire("dog", {7: path})
    assert manager.wait(lambda seen: seen.ready() and len(seen.versions("half")) == 2, DEADLINE)
    assert manager.wait(lambda seen: all(one.state == 30 for one in seen.versions("half")), DEADLINE)
    return manager


def failure(call: Callable[..., object], *arguments: object) -> LightshipError:
    with pytest.raises(LightshipError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (("halv",), "did you mean 'half'? Served models: half, dog"),
        (("halv", 3), "did you mean 'half'? Served models: half, dog"),
        (("halv", None, "stable"), "did you mean 'half'? Served models: half, dog"),
        (("zebra",), "Served models: half, dog"),
        (("half", 3), "Loaded versions of 'half': 2, 1"),
        (("half", None, "stabel"), "did you mean 'stable'? Labels of 'half': stable, canary"),
        (("dog", None, "stable"), "Labels of 'dog': none"),
    ],
)
def test_an_unknown_model_version_or_label_gets_a_hint(loaded: Manager, asked: tuple[object, ...], hint: str) -> None:
    assert Hints(loaded).hint(failure(loaded.handle, *asked)) == hint
    if len(asked) < 3:
        assert Hints(loaded).hint(failure(loaded.status, *asked)) == hint


def test_a_label_of_a_version_that_is_not_loaded_names_those_that_are(loaded: Manager) -> None:
    loaded.set_labels("half", {"next": 3})
    assert Hints(loaded).hint(failure(loaded.handle, "half", None, "next")) == "Loaded versions of 'half': 2, 1"


def test_a_version_that_failed_says_why(loaded: Manager, tmp_path: Path) -> None:
    with loaded.handle("half") as handle:
        path = handle.servable.bundle.path
    loaded.aspire("half", {2: path, 4: tmp_path / "4"})
    assert loaded.wait(lambda seen: any(one.error for one in seen.versions("half")), DEADLINE)
    hint = Hints(loaded).hint(failure(loaded.handle, "half", 4))
    assert hint.startswith("version 4: Specified file path does not appear to contain")
    assert re.search(r"\. Loaded versions of 'half': 2(, 1)?$", hint)


def test_a_model_without_a_loaded_version_says_why(manager: Manager, tmp_path: Path) -> None:
    manager.expect("later")
    assert Hints(manager).hint(failure(manager.handle, "later")) == (
        "no version of 'later' is loaded; none was found yet"
    )
    manager.aspire("later", {1: tmp_path / "1"})
    assert manager.wait(lambda seen: any(one.error for one in seen.versions("later")), DEADLINE)
    hint = Hints(manager).hint(failure(manager.handle, "later"))
    assert hint.startswith("no version of 'later' is loaded; version 1: Specified file path does not appear to contain")


def test_hints_follow_the_models(manager: Manager) -> None:
    hints = Hints(manager)
    error = failure(manager.handle, "dgo")
    assert hints.hint(error) == "Served models: none"
    manager.expect("dog")
    await_hint(hints, error, "did you mean 'dog'? Served models: dog")
    manager.forget("dog")
    await_hint(hints, error, "Served models: none")


def await_hint(hints: Hints, error: LightshipError, expected: str) -> None:
    """The list of models is kept for a moment, so that a hint costs little while models change."""
    deadline = time.monotonic() + DEADLINE
    while (hint := hints.hint(error)) != expected:
        assert time.monotonic() < deadline, hint


def test_signatures_inputs_outputs_and_dtypes_get_hints(manager: Manager, inference: Servable) -> None:
    hints = Hints(manager)
    assert hints.hint(failure(check_signature, inference, "flta")).startswith("did you mean 'flat'? Signatures: ")
    signature = check_signature(inference, "both")
    assert "__saved_model_init_op" not in hints.hint(failure(check_signature, inference, "flta"))
    (name,) = signature.inputs
    wrong = {f"{name}s": np.ones(1, object)}
    expected = f"did you mean '{name}'? Inputs: {name}"
    assert hints.hint(failure(check_inputs, signature, wrong)) == expected
    assert hints.hint(failure(predict, inference, signature, wrong)) == expected
    output = next(iter(signature.outputs))
    listed = ", ".join(signature.outputs)
    assert hints.hint(failure(check_outputs, signature, [f"{output}x"])) == (
        f"did you mean '{output}'? Outputs: {listed}"
    )
    given = failure(check_inputs, signature, {name: np.ones(1, np.float32)})
    assert hints.hint(given) == f"input '{name}' takes string, not float"


def test_an_error_that_says_it_all_gets_no_hint(manager: Manager) -> None:
    assert Hints(manager).hint(NotFound("it is not there")) == ""
    assert with_expected_shapes(error := InvalidArgument("it is wrong")) is error


NASTY = ["\r\nSet-Cookie: a=b", "\0\x1b[2J", "hündin", "犬" * 64, "%0d%0a", "a" * 1000, "\udcff", " ", "'"]


def test_a_hint_is_short_and_printable_whatever_models_are_called(manager: Manager) -> None:
    for number, name in enumerate(NASTY):
        manager.expect(name)
        manager.expect("犬" * 60 + str(number))
    for wrong in [*NASTY, "犬" * 59, "dog"]:
        error = NotFound("").about(failure(manager.handle, wrong + "x").fault)  # type: ignore[arg-type]
        hint = Hints(manager).hint(error)
        assert len(hint) <= MAX_HINT_BYTES
        assert re.fullmatch(r"(?:[ -$&-~]|%[0-9A-F]{2})+", hint)
    assert "hündin" in unquote(Hints(manager).hint(failure(manager.handle, "hündinx")))


def test_many_names_are_counted_and_not_listed(manager: Manager) -> None:
    for number in range(300):
        manager.expect(f"m{number}")
    assert Hints(manager).hint(failure(manager.handle, "zebra")) == (
        "Served models: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, and 290 more"
    )


def test_a_wrong_shape_is_said_without_the_names_of_tensorflows_nodes() -> None:
    text = "Matrix size-incompatible: In[0]: [1,5], In[1]: [4,2]"
    nodes = "\n\t [[{{node dense/MatMul}}]] {{function_node __inference_3}}"
    error = with_expected_shapes(
        InvalidArgument(text + nodes).about(WrongShapes('input "x" has shape [1, 5], but [?, 4] is expected'))
    )
    assert error.message == f'input "x" has shape [1, 5], but [?, 4] is expected: {text}'


def test_a_wrong_shape_is_said_without_the_shapes_inside_the_engine() -> None:
    inside = " (Shape inference input shapes {[1],[4]} Input order must have shape [n], where n is the rank of arg.)"
    error = with_expected_shapes(InvalidArgument(f"cannot transpose{inside}").about(WrongShapes("wrong")))
    assert error.message == "wrong: cannot transpose"


def test_a_wrong_shape_keeps_the_code_of_the_error() -> None:
    error = with_expected_shapes(Unimplemented("grouped convolutions").about(WrongShapes("wrong")))
    assert (type(error), error.message) == (Unimplemented, "wrong: grouped convolutions")
