"""A ModelServerConfig as models, and TensorFlow Serving's words for those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship import protos
from lightship.errors import FailedPrecondition, InvalidArgument, Unimplemented
from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific
from lightship.protos.text import parse_text
from lightship.services.model_configs import requested_models

OLD = "ModelServerConfig::model_type (deprecated)"


def models(text: str, *served: str) -> list[ModelConfig] | None:
    return requested_models(parse_text(text, protos.ModelServerConfig), served)


def config(fields: str, place: str = "name: 'm' base_path: '/m' model_platform: 'tensorflow'") -> str:
    return f"config {{ {place} {fields} }}"


def listed(*configs: str) -> str:
    return f"model_config_list {{ {' '.join(configs)} }}"


@pytest.mark.parametrize(
    ("policy", "means"),
    [
        ("", Latest(1)),
        ("model_version_policy {}", Latest(1)),
        ("model_version_policy { latest {} }", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy: { all: {} }", All()),
        ("model_version_policy { specific { versions: 42 versions: 7 } }", Specific([42, 7])),
        ("model_version_policy { specific { versions: [42, 7] } }", Specific([42, 7])),
        ("model_version_policy { specific {} }", Specific([])),
    ],
)
def test_a_policy_is_understood(policy: str, means: object) -> None:
    (model,) = models(listed(config(policy))) or []
    assert model == ModelConfig("m", Path("/m"), means)  # type: ignore[arg-type]


def test_labels_are_kept() -> None:
    labels = "version_labels { key: 'stable' value: 42 } version_labels { key: 'canary', value: 43 }"
    (model,) = models(listed(config(labels))) or []
    assert model.labels == {"stable": 42, "canary": 43}


def test_the_deprecated_type_is_the_platform() -> None:
    (model,) = models(listed(config("", "name: 'm' base_path: '/m' model_type: TENSORFLOW"))) or []
    assert model.name == "m"


def test_no_list_changes_nothing_and_an_empty_list_is_no_model() -> None:
    assert models("") is None
    assert models("model_config_list {}") == []


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([config(""), config("")], "Illegal to list model m multiple times in config list"),
        (
            [config("", "name: 'm' base_path: 'rel' model_platform: 'tensorflow'")],
            "Expected model m to have an absolute path or URI; got base_path()=rel",
        ),
        (
            [config("", "name: 'm' model_platform: 'tensorflow'")],
            "Expected model m to have an absolute path or URI; got base_path()=",
        ),
        (
            [config("", "name: 'm' base_path: '/m'")],
            f"Illegal setting neither {OLD} nor ModelServerConfig::model_platform, model name is m",
        ),
        (
            [config("model_type: TENSORFLOW")],
            f"Illegal setting both {OLD} and ModelServerConfig::model_platform, model name is m",
        ),
        (
            [config("", "name: 'm' base_path: '/m' model_type: OTHER")],
            "ModelServerConfig::model_type choice 2 not supported.",
        ),
        (
            [config("", "name: 'm' base_path: '/m' model_platform: 'caffe'")],
            "Model m requests unsupported platform caffe",
        ),
        (
            [config("logging_config { log_collector_config { type: 'file' } }")],
            "No request-logger-creator provided.",
        ),
    ],
)
def test_a_list_that_cannot_be_is_refused_in_tensorflow_servings_words(configs: list[str], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        models(listed(*configs))
    assert caught.value.message == message


def test_a_served_model_keeps_its_platform() -> None:
    with pytest.raises(InvalidArgument) as caught:
        models(listed(config("", "name: 'm' base_path: '/m' model_platform: 'caffe'")), "m")
    assert caught.value.message == (
        "Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is caffe"
    )


@pytest.mark.parametrize("text", ["", "custom_model_config { type_url: 'x' }"])
def test_a_list_is_followed_by_a_list_alone(text: str) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        models(text, "m")
    assert caught.value.message == (
        "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another."
    )
    assert models("model_config_list {}", "m") == []


@pytest.mark.parametrize(
    "text",
    [
        "custom_model_config { type_url: 'x' }",
        listed(config("", "name: 'm' base_path: 'hdfs://m' model_platform: 'tensorflow'")),
    ],
)
def test_what_is_not_built_is_said(text: str) -> None:
    with pytest.raises(Unimplemented):
        models(text)


def test_a_base_path_may_be_in_an_object_store() -> None:
    (one,) = models(listed(config("", "name: 'm' base_path: 's3://b/m/' model_platform: 'tensorflow'"))) or []
    assert (one.store, one.place) == ("s3://b/m", "s3://b/m")


def test_a_base_path_may_be_a_file_uri() -> None:
    (one,) = models(listed(config("", "name: 'm' base_path: 'file:///models/m' model_platform: 'tensorflow'"))) or []
    assert one.path == Path("/models/m")
