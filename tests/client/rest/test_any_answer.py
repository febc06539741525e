"""Whatever a server answers, its reader returns a result or raises an error of Lightship."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from fuzz.documents import mutated_document

from lightship.client.preprocessing import ClientPreprocessing
from lightship.client.rest import binary, classify, examples, explain, metadata, tensors
from lightship.client.rest.exchange import HttpResponse
from lightship.client.rest.responses import read_json
from lightship.client.results import TensorInfo
from lightship.errors import LightshipError, Unknown

TENSOR = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}}
SIGNATURE = {"inputs": {"x": TENSOR}, "outputs": {"y": TENSOR}, "method_name": "tensorflow/serving/predict"}
VERSION = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
MODEL = {"name": "m", "versions": [{**VERSION, "signatures": {"a": {"engine": "openvino"}}}]}
WORKER = {"number": 1, "pid": 1, "state": "SERVING", "restarts": 0}
EXPLANATION = {"label": "a", "class_index": 0, "score": 0.5, "map": [[0.5, 1.0]], "region": [0, 0, 1, 1]}
OUTPUTS = {"y": TensorInfo("DT_FLOAT", None, ""), "t": TensorInfo("DT_STRING", None, "")}
LABELS = ClientPreprocessing(None, ("a", "b"))

READERS: dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, Any]]] = {
    "metadata": (
        metadata.read_metadata,
        {
            "model_spec": {"name": "m", "version": "1"},
            "metadata": {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}},
        },
    ),
    "status": (metadata.read_status, {"model_version_status": [VERSION, VERSION]}),
    "models": (metadata.read_models, {"models": [MODEL]}),
    "workers": (metadata.read_workers, {"models": [], "workers": [WORKER]}),
    "classify": (examples.classifications_in, {"results": [[["a", 0.5], ["b", 0.25]]]}),
    "regress": (examples.regressions_in, {"results": [0.5, 1.5]}),
    "explanation": (lambda found: explain.read_explanation(found, "m", 1, b""), {"explanations": [EXPLANATION]}),
    "outputs": (
        lambda found: tensors.decode_columns(tensors.outputs_in(found), OUTPUTS),
        {"outputs": {"y": [[1.5, 2.5]], "t": [["a", {"b64": "AQ=="}], ["b", ""]]}},
    ),
    "image": (
        lambda found: classify.read_image_response(found, "m", 1),
        {"predictions": [{"labels": ["a", "b"], "scores": [0.5, 0.25]}]},
    ),
    "scores": (lambda found: classify.read_tensor_response(found, "m", 1, 5, LABELS), {"predictions": [[0.5, 0.25]]}),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("kind", READERS)
def test_a_document_that_is_nearly_right_is_read_or_refused(kind: str) -> None:
    read, right = READERS[kind]
    read(right)
    for number in range(400):
        body = mutated_document(Random(f"{kind}/{number}"), right)
        with contextlib.suppress(LightshipError):
            read(read_json(HttpResponse(200, {}, body, "http://h")))


def npz(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("y.npy", content)
    return bytearray(file.getvalue())


def test_a_damaged_file_of_arrays_is_refused_whatever_library_finds_it() -> None:
    compressed = npz(bytes(1000), zipfile.ZIP_LZMA)
    compressed[60] ^= 255  # lzma finds it
    header = b"{'descr': ("  # tokenize finds it
    unfinished = npz(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    for body in compressed, unfinished:
        with pytest.raises(Unknown, match=r"^the \.npz file in the response cannot be read"):
            binary.read_outputs(HttpResponse(200, {}, bytes(body), "http://h"))
