"""The GET endpoints: a model's status, its metadata, and the list of models."""

from __future__ import annotations

from dataclasses import asdict

import orjson
from google.protobuf.json_format import MessageToJson

from lightship.lifecycle.served_models import ServedModels
from lightship.services.metadata import model_metadata
from lightship.services.status import list_models, model_status
from lightship.transports.http.messages import Response
from lightship.transports.rest.endpoints.status_text import status_document
from lightship.transports.rest.reading.values import encoded
from lightship.transports.rest.routes import Route
from lightship.transports.rest.writing.text import quoted


def answer_get(manager: ServedModels, route: Route) -> Response:
    """Returns the status of a model or version, or the metadata of a version."""
    if route.action == "metadata":
        return _metadata(manager, route)
    statuses = model_status(manager, route.model, route.version, route.label)
    return Response(200, status_document(statuses), model=route.model)


def model_list(manager: ServedModels) -> Response:
    """Lists every configured model with its versions, their states, its labels, and whether it is ready.

    If several processes serve them, they are listed too.
    """
    models = [
        {
            "name": model.name,
            "ready": model.ready,
            "reason": model.reason,
            "notice": model.notice,
            "versions": [
                {
                    "version": str(one.version),
                    "state": one.state.name,
                    "note": one.note,
                    "signatures": {
                        report.signature: {"engine": report.engine, "reason": report.reason, "proof": report.proof}
                        for report in model.engines.get(one.version, ())
                    },
                }
                for one in model.versions
            ],
            "labels": dict(model.labels),
        }
        for model in list_models(manager)
    ]
    listed: dict[str, object] = {"models": models}
    if workers := manager.workers():
        listed["workers"] = [asdict(worker) for worker in workers]
    return Response(200, orjson.dumps(listed, option=orjson.OPT_INDENT_2))


def _metadata(manager: ServedModels, route: Route) -> Response:
    with manager.handle(route.model, route.version, route.label) as handle:
        version = handle.servable.id.version
        signatures = MessageToJson(
            model_metadata(handle.servable),
            indent=1,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            ensure_ascii=False,
        )
    spec = f'{{\n "name": {quoted(route.model)},\n "signature_name": "",\n "version": "{version}"\n}}\n'
    text = f'{{\n"model_spec":{spec},\n"metadata": {{"signature_def": {signatures}\n}}\n}}\n'
    return Response(200, encoded(text), model=route.model, version=version)
