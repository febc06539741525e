"""A model in this process gives the answers of a server, to the last bit, and its errors."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lightship
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound
from lightship.local import LocalModel
from lightship.server import Server

HALF_INPUTS = [
    [1.0, 2.0, 5.0],
    {"x": [1.0]},
    np.arange(6, dtype=np.float64).reshape(2, 3),
    np.arange(6, dtype=">f4")[::-2],  # another byte order, and not contiguous
    np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    pytest.param(np.empty((0,), np.float32), marks=pytest.mark.tensorflow),
    np.float32(3),
    [float("nan"), float("inf")],
]


@pytest.fixture(scope="module")
def half(half_plus_two: Path) -> Iterator[LocalModel]:
    with lightship.load(half_plus_two) as model:
        yield model


@pytest.fixture(scope="module")
def served(half_plus_two: Path, saved_models: Path) -> Iterator[Server]:
    with lightship.serve(half_plus_two, saved_models / "mixed", rest_port="auto", grpc_port="auto") as running:
        yield running


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, served: Server) -> Iterator[lightship.Client]:
    url = served.rest_url if request.param == "rest" else f"grpc://{served.grpc_address}"
    with lightship.Client(url) as client:
        yield client


def same(one: Any, other: Any) -> None:
    assert (one.model, one.version, one.outputs.keys()) == (other.model, other.version, other.outputs.keys())
    for name, array in one.outputs.items():
        assert array.dtype == other[name].dtype
        assert array.shape == other[name].shape
        assert array.flags.writeable
        np.testing.assert_array_equal(array, other[name], strict=True)


@pytest.mark.parametrize("inputs", HALF_INPUTS, ids=map(str, range(len(HALF_INPUTS))))
def test_it_answers_as_a_server_does(half: LocalModel, client: lightship.Client, inputs: Any) -> None:
    same(half.predict(inputs), client.predict("half_plus_two", inputs))


@pytest.mark.tensorflow
def test_signatures_of_several_types_and_inputs_answer_as_a_servers(
    saved_models: Path, client: lightship.Client
) -> None:
    with lightship.load(saved_models / "mixed") as model:
        for name in ("serving_default", "brain", "negate", "upper"):
            inputs = {key: _some(info.dtype, info.shape) for key, info in model.signatures[name].inputs.items()}
            same(model.predict(inputs, signature=name), client.predict("mixed", inputs, signature=name))


@pytest.mark.tensorflow
def test_every_type_is_answered_as_over_grpc(saved_models: Path) -> None:
    with (
        lightship.serve(saved_models / "identity", rest_port=0, grpc_port="auto") as server,
        lightship.Client(f"grpc://{server.grpc_address}") as client,
        lightship.load(saved_models / "identity") as model,
    ):
        for name in model.signatures.keys() - {"__saved_model_init_op"}:
            given = _some(model.signatures[name].inputs["x"].dtype, (2, 3))
            answer = model.predict({"x": given}, signature=name)
            same(answer, client.predict("identity", {"x": given}, signature=name))
            assert not any(np.may_share_memory(output, given) for output in answer.outputs.values())


def _some(dtype: str, shape: tuple[int, ...] | None) -> Any:
    sizes = tuple(2 if size < 0 else size for size in shape or (2,))
    if dtype == "DT_STRING":
        return np.full(sizes, "text", object)
    from lightship.tensors.dtypes import DataType

    return np.ones(sizes, DataType[dtype].numpy)


def test_the_signatures_are_those_in_a_servers_metadata(half: LocalModel, client: lightship.Client) -> None:
    assert half.signatures == client.metadata("half_plus_two").signatures


UNFIT = [{"z": [1.0]}, {"x": [1.0], "z": [1.0]}, {}, {"x": [["a"]]}, [[1.0], [1.0, 2.0]], [1j]]


@pytest.mark.parametrize("inputs", UNFIT, ids=range(len(UNFIT)))
def test_inputs_that_do_not_fit_are_refused_as_over_grpc(half: LocalModel, served: Server, inputs: Any) -> None:
    with lightship.Client(f"grpc://{served.grpc_address}") as client:
        refusals = [refusal(half.predict, inputs), refusal(client.predict, "half_plus_two", inputs)]
    assert refusals[0] == refusals[1]


def refusal(call: Callable[..., Any], *arguments: Any) -> tuple[type[LightshipError], str]:
    with pytest.raises(LightshipError) as caught:
        call(*arguments)
    return type(caught.value), caught.value.message


def test_an_unknown_signature_is_refused_with_those_there_are(half: LocalModel) -> None:
    for inputs in ([1.0], {"x": [1.0]}):
        with pytest.raises(InvalidArgument, match=r"has no signature no in version 123: it has .*serving_default"):
            half.predict(inputs, signature="no")


def test_the_answer_is_the_callers_own_and_the_inputs_stay(half: LocalModel) -> None:
    given = np.float32([1, 2])
    first = half.predict(given)["y"]
    kept = first.copy()
    first += 1
    assert given.tolist() == [1, 2]
    np.testing.assert_array_equal(half.predict(given)["y"], kept)


def test_threads_share_a_model(half: LocalModel) -> None:
    def ask(number: int) -> list[float]:
        answer: list[float] = half.predict([float(number)] * (number % 5 + 1))["y"].tolist()
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(400)))
    assert answers == [[number / 2 + 2] * (number % 5 + 1) for number in range(400)]


def test_a_closed_model_says_that_it_was_closed(half_plus_two: Path) -> None:
    with lightship.load(half_plus_two) as model:
        assert not model.closed
    model.close()  # once more does nothing
    assert model.closed
    for call in (lambda: model.predict([1.0]), lambda: model.classify_image(Image.new("RGB", (4, 4)))):
        with pytest.raises(FailedPrecondition, match="half_plus_two was closed: load it again"):
            call()
    assert "closed" in repr(model)


def test_closing_lets_running_calls_finish(half_plus_two: Path) -> None:
    model = lightship.load(half_plus_two)
    handle = model._handle()  # as a call in another thread has it
    model.close()
    assert handle.servable.engine.run("serving_default", {"x": np.float32([1])})["y"].tolist() == [2.5]
    handle.release()


def test_many_threads_may_call_and_close_at_once(half_plus_two: Path) -> None:
    model, begun = lightship.load(half_plus_two), threading.Event()

    def ask(_: int) -> list[float] | None:
        begun.set()
        try:
            found: list[float] = model.predict([1.0])["y"].tolist()
            return found
        except FailedPrecondition:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(ask, range(200))
        assert begun.wait(60)
        model.close()
    assert {tuple(one) for one in answers if one is not None} <= {(2.5,)}


def test_a_model_that_takes_no_images_says_what_to_send_instead(half: LocalModel) -> None:
    assert half.classes is None
    assert half.image is None
    with pytest.raises(FailedPrecondition, match="does not take one image: send tensors"):
        half.classify_image(Image.new("RGB", (4, 4)))


def test_pickling_a_model_says_what_to_do_instead(half: LocalModel) -> None:
    with pytest.raises(TypeError, match=r"^the model 'half_plus_two' cannot be pickled .* lightship\.load\(path\)$"):
        pickle.dumps(half)


def test_it_shows_what_it_is(half: LocalModel) -> None:
    assert repr(half).startswith("LocalModel('half_plus_two', version: 123, engine: ")
    assert "classes: none, image: none, signatures: " in repr(half)
    assert str(half.path) in half._repr_html_()


@pytest.fixture(scope="module")
def dog(dog_bundle: Path) -> Iterator[LocalModel]:
    with lightship.load(dog_bundle) as model:
        yield model


@pytest.fixture(scope="module")
def dog_server(dog_bundle: Path) -> Iterator[Server]:
    with lightship.serve(dog_bundle, rest_port="auto", grpc_port="auto") as running:
        yield running


def test_a_photo_gets_the_labels_that_a_server_gives(dog: LocalModel, dog_server: Server, dog_photo: Path) -> None:
    with (
        lightship.Client(dog_server.rest_url) as rest,
        lightship.Client(f"grpc://{dog_server.grpc_address}") as grpc,
        Image.open(dog_photo) as opened,
    ):
        for photo in (str(dog_photo), dog_photo.read_bytes(), opened, np.asarray(opened)):
            local = dog.classify_image(photo, top=3)
            assert local == grpc.classify_image("dog", photo, top=3)
            over_rest = rest.classify_image("dog", photo, top=3)
            assert local.labels == over_rest.labels
            np.testing.assert_array_equal(np.float32(local.scores), np.float32(over_rest.scores))
    assert (local.label, local.model, local.version) == ("bull_mastiff", "dog", 1)


def test_several_photos_keep_their_order(dog: LocalModel, photos: list[Path]) -> None:
    many = [photos[number % len(photos)] for number in range(70)]
    answers = dog.classify_images(iter(many), top=1)
    alone = {photo: dog.classify_image(photo, top=1) for photo in photos}
    assert answers == [alone[photo] for photo in many]
    assert dog.classify_images([]) == []


def test_a_photo_that_is_none_is_named(dog: LocalModel, dog_photo: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"photos\[1\]: .*missing.jpg does not exist"):
        dog.classify_images([dog_photo, tmp_path / "missing.jpg"])
    with pytest.raises(InvalidArgument, match="^the image is not JPEG"):
        dog.classify_image(b"no image")
    with pytest.raises(InvalidArgument, match=r"photos\[1\]: "):
        dog.classify_images([dog_photo, dog_photo.read_bytes()[:300]])


@pytest.mark.parametrize("top", [0, -1, True, 1.5, "3"])
def test_a_top_that_is_none_is_refused(dog: LocalModel, dog_photo: Path, top: Any) -> None:
    with pytest.raises(InvalidArgument, match="top is"):
        dog.classify_image(dog_photo, top=top)


def test_the_classes_are_those_of_the_export(dog: LocalModel, dog_classes: list[str]) -> None:
    assert dog.classes == tuple(dog_classes)
    assert dog.image is not None
    assert f"classes: 19 ({dog_classes[0]!r}, " in repr(dog)
    assert "14 more" in repr(dog)


def test_a_wrong_shape_is_refused_as_over_grpc(dog: LocalModel, dog_server: Server) -> None:
    wrong = np.zeros((1, 10, 10, 4), np.float32)
    with lightship.Client(f"grpc://{dog_server.grpc_address}") as client:
        assert refusal(dog.predict, wrong) == refusal(client.predict, "dog", wrong)
