"""A model of several versions over gRPC: which one answers, and what the status tells of each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.transports.grpc.conftest import call, refusal

from lightship.server import All, ModelConfig, Server, ServerOptions

AVAILABLE, END = 30, 50
X = 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 2.0 } }'
Place = tuple[Server, grpc.Channel, Path]


@pytest.fixture
def place(tmp_path: Path, half_plus_two: Path) -> Iterator[Place]:
    """Versions 5 and 40 of the model m; "stable" is 5."""
    for version in ("5", "40"):
        shutil.copytree(half_plus_two / "123", tmp_path / "m" / version)
    model = ModelConfig("m", tmp_path / "m", All(), {"stable": 5})
    options = ServerOptions([model], rest_port=0, grpc_port="auto", poll_seconds=0.05)
    with Server(options).start() as server:
        assert server.wait_ready(60)
        assert server.manager.wait(lambda manager: {one.state for one in manager.versions("m")} == {AVAILABLE}, 60)
        with grpc.insecure_channel(server.grpc_address) as channel:
            yield server, channel, tmp_path / "m"


def answering(channel: grpc.Channel, choice: str) -> int:
    answer = call(channel, "Predict", f'model_spec {{ name: "m" {choice} }} {X}')
    assert answer.outputs["y"].float_val[0] == 3.0
    return int(answer.model_spec.version.value)


def states(channel: grpc.Channel, choice: str = "") -> list[tuple[int, int]]:
    answer = call(channel, "GetModelStatus", f'model_spec {{ name: "m" {choice} }}')
    return [(one.version, one.state) for one in answer.model_version_status]


def test_the_highest_answers_unless_another_is_named(place: Place) -> None:
    _, channel, _ = place
    choices = {"": 40, "version { value: 5 }": 5, "version { value: 40 }": 40, 'version_label: "stable"': 5}
    assert {choice: answering(channel, choice) for choice in choices} == choices


@pytest.mark.tensorflow
@pytest.mark.parametrize("method", ["GetModelMetadata", "Classify", "Regress"])
def test_every_method_follows_version_and_label(place: Place, method: str) -> None:
    example = 'examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } }'
    rest = {
        "GetModelMetadata": ("", 'metadata_field: "signature_def"'),
        "Classify": ('signature_name: "classify_x_to_y"', f"input {{ example_list {{ {example} }} }}"),
        "Regress": ('signature_name: "regress_x_to_y"', f"input {{ example_list {{ {example} }} }}"),
    }
    signature, more = rest[method]
    for choice in ('version_label: "stable"', "version { value: 5 }"):
        answer = call(place[1], method, f'model_spec {{ name: "m" {signature} {choice} }} {more}')
        assert answer.model_spec.version.value == 5
        assert not answer.model_spec.version_label


@pytest.mark.tensorflow
def test_only_the_first_tasks_version_counts(place: Place) -> None:
    example = 'examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } }'
    tasks = " ".join(
        f'tasks {{ model_spec {{ name: "m" signature_name: "{verb}_x_to_y" {choice} }} '
        f'method_name: "tensorflow/serving/{verb}" }}'
        for verb, choice in (("classify", 'version_label: "stable"'), ("regress", "version { value: 99 }"))
    )
    answer = call(place[1], "MultiInference", f"{tasks} input {{ example_list {{ {example} }} }}")
    assert [one.model_spec.version.value for one in answer.results] == [5, 5]


def test_the_status_has_the_highest_first_and_those_that_ended(place: Place) -> None:
    server, channel, folder = place
    assert states(channel) == [(40, AVAILABLE), (5, AVAILABLE)]
    assert states(channel, "version { value: 5 }") == [(5, AVAILABLE)]
    shutil.rmtree(folder / "40")
    assert server.manager.wait(lambda manager: manager.versions("m")[0].state == END, 60)
    assert states(channel) == [(40, END), (5, AVAILABLE)]
    assert states(channel, "version { value: 40 }") == [(40, END)]
    assert answering(channel, "") == 5
    gone = f'model_spec {{ name: "m" version {{ value: 40 }} }} {X}'
    assert refusal(channel, "Predict", gone) == ("NOT_FOUND", "Servable not found for request: Specific(m, 40)")


def test_the_status_of_a_label_is_that_of_its_version(place: Place) -> None:
    assert states(place[1], 'version_label: "stable"') == [(5, AVAILABLE)]
    unknown = refusal(place[1], "GetModelStatus", 'model_spec { name: "m" version_label: "no" }')
    assert unknown == ("INVALID_ARGUMENT", "Unrecognized servable version label: no")
