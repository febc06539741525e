"""ModelService's method HandleReloadConfigRequest, which replaces the models that are served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightship.errors import Cancelled, InvalidArgument, PermissionDenied
from lightship.lifecycle.confinement import check_confined
from lightship.lifecycle.model_config import ModelConfig
from lightship.protos import ReloadConfigResponse
from lightship.services.model_configs import requested_models
from lightship.transports.grpc.call import Caller
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.metrics.text import Family

NOT_ALLOWED = (
    "this server does not accept HandleReloadConfigRequest: start it with `lightship serve --allow-reload=ROOT` to "
    "let clients serve models from folders below ROOT, or with --allow-reload for any folder"
)


def answer_reload(context: GrpcContext, request: Any, call: Caller) -> Any:
    """Replaces the models, and answers when every new model is AVAILABLE or has failed.

    If the client ends the call early, the wait ends, but the models still load. Raises PermissionDenied if clients may
    not reload, or not from one of these folders.
    """
    root = context.reload_root
    if root is None:
        raise PermissionDenied(NOT_ALLOWED)
    if not request.config.HasField("model_config_list"):
        raise InvalidArgument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )
    before = _counters(context.families()) if request.metric_names else {}
    models = requested_models(request.config, context.manager.models())
    confined = [_confined(model, root) for model in models or []]
    call.on_end(context.manager.wake)
    try:
        context.reload(confined, call.over)
    except Cancelled:
        call.check()  # raises the error that says how the call ended
        raise
    response = ReloadConfigResponse()
    response.status.SetInParent()
    after = _counters(context.families()) if request.metric_names else {}
    for name in request.metric_names:
        response.metric.add(name=name, int64_value_increase=_increase(before.get(name, {}), after.get(name, {})))
    return response


def _confined(model: ModelConfig, root: Path) -> ModelConfig:
    """Returns the model with its root. Raises PermissionDenied if its folder is outside."""
    model = replace(model, root=None if root == Path(root.anchor) else root)
    check_confined(model)
    return model


def _counters(families: Iterable[Family]) -> dict[str, dict[str, int]]:
    """Returns the samples of every counter, by the metric's name and the sample's labels."""
    return {family.name: dict(map(_sample, family.samples)) for family in families if family.kind == "counter"}


def _sample(line: str) -> tuple[str, int]:
    labels, _, value = line.rpartition(" ")
    return labels, int(value)


def _increase(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """Returns the increase of a counter's first sample, or 0 if it has no samples."""
    first = next(iter(after), None)
    return 0 if first is None else after[first] - before.get(first, 0)
