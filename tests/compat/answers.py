"""What `half_plus_two` answers to each method, whichever client asks."""

from __future__ import annotations

from typing import Any

SIGNATURES = ["__saved_model_init_op", "classify_x_to_y", "regress_x_to_y", "serving_default"]
CLASSES = {"classificationResult": {"classifications": [{"classes": [{"score": 3.0}]}]}}
VALUES = {"regressionResult": {"regressions": [{"value": 3.0}]}}


def _task(kind: str) -> dict[str, Any]:
    return {"modelSpec": {"name": "half_plus_two", "version": "123", "signatureName": f"{kind}_x_to_y"}}


ANSWERS: dict[str, Any] = {
    "Predict": [[[2.5], [3.0]], 123],
    "Predict.future": [[2.0, 4.0, 4.0], "OK"],
    "Classify": [[3.0], [4.0]],
    "Regress": [5.0],
    "MultiInference": [_task("classify") | CLASSES, _task("regress") | VALUES],
    "GetModelMetadata": [
        ["__saved_model_init_op", "classify_x_to_y", "regress_x_to_y", "serving_default"],
        "DT_FLOAT",
        -1,
    ],
    "GetModelStatus": [[123, True, 0]],
    "HandleReloadConfigRequest": [0, ""],
    "Predict by label": [2.0, 2.5, 3.0],
    "Predict of no model": ["NOT_FOUND", "Servable not found for request: Latest(nobody)"],
    "SessionRun": "UNIMPLEMENTED",
}
