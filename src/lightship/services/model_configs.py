"""Converts a `tensorflow.serving.ModelServerConfig`, from a file or a request, to a list of models."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lightship.errors import FailedPrecondition, InvalidArgument, Unimplemented
from lightship.lifecycle.model_config import (
    All,
    Latest,
    ModelConfig,
    Specific,
    VersionPolicy,
    check_model_list,
)

PLATFORM = "tensorflow"

_UNSPECIFIED, _TENSORFLOW = 0, 1  # ModelType


def requested_models(config: Any, served: Collection[str] = ()) -> list[ModelConfig] | None:
    """Returns the models of a ModelServerConfig, or None if it is empty and nothing is to change.

    served: the names of the models that are served already. Raises, with TensorFlow Serving's messages, InvalidArgument
    for an invalid list and FailedPrecondition if a list was served and the configuration has none. Raises Unimplemented
    for a URL that Lightship cannot read and for a custom configuration.
    """
    if served and not config.HasField("model_config_list"):
        raise FailedPrecondition(
            "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another."
        )
    if config.HasField("custom_model_config"):
        raise Unimplemented("custom_model_config is not supported: list the models in model_config_list")
    if not config.HasField("model_config_list"):
        return None
    listed = list(config.model_config_list.config)
    check_model_list((one.name, one.base_path) for one in listed)
    for one in listed:
        _check_platform(one)
    _check_same_platform(listed, served)
    for one in listed:
        if _platform(one) != PLATFORM:
            raise InvalidArgument(f"Model {one.name} requests unsupported platform {_platform(one)}")
    if any(one.HasField("logging_config") for one in listed):
        raise InvalidArgument("No request-logger-creator provided.")
    return [
        ModelConfig.at(one.name, one.base_path, _policy(one.model_version_policy), dict(one.version_labels))
        for one in listed
    ]


def _check_platform(one: Any) -> None:
    old = "ModelServerConfig::model_type (deprecated)"
    if one.model_type == _UNSPECIFIED and not one.model_platform:
        raise InvalidArgument(
            f"Illegal setting neither {old} nor ModelServerConfig::model_platform, model name is {one.name}"
        )
    if one.model_type != _UNSPECIFIED and one.model_platform:
        raise InvalidArgument(
            f"Illegal setting both {old} and ModelServerConfig::model_platform, model name is {one.name}"
        )
    if one.model_type not in (_UNSPECIFIED, _TENSORFLOW):
        raise InvalidArgument(f"ModelServerConfig::model_type choice {one.model_type} not supported.")


def _check_same_platform(listed: Sequence[Any], served: Collection[str]) -> None:
    for one in listed:
        if one.name in served and _platform(one) != PLATFORM:
            raise InvalidArgument(
                f"Illegal to change a model's platform. For model {one.name} platform was {PLATFORM} and new platform "
                f"requested is {_platform(one)}"
            )


def _platform(one: Any) -> str:
    return str(one.model_platform) or PLATFORM


def _policy(policy: Any) -> VersionPolicy:
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return All()
    if choice == "specific":
        return Specific(policy.specific.versions)
    return Latest(max(1, policy.latest.num_versions))
