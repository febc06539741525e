"""The process that converts the signatures of a version: it imports TensorFlow and tf2onnx, and may crash."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship.errors import LightshipError
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

_MAX_TEXT = 500


def main(request: Mapping[str, Any]) -> None:
    """Converts signatures one after the other.

    Writes two lines of JSON for each file to standard output: one before, with the "signature" and the "precision", and
    one after, with the "reason" for which there is no file too; null if there is one.
    """
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no result
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # it converts and compares on the CPU
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stdout = sys.stderr
    for signature in request["signatures"]:
        for precision in request["precisions"] if signature == DEFAULT_SIGNATURE else ["f32"]:
            work = {"signature": signature, "precision": precision}
            print(json.dumps(work), file=results, flush=True)
            reason = _converted(Path(request["folder"]), Path(request["target"]), **work)
            print(json.dumps({**work, "reason": reason}), file=results, flush=True)
            if reason is not None:
                break  # other precisions are made from the first


def _converted(folder: Path, target: Path, signature: str, precision: str) -> str | None:
    """Makes a file. Returns why there is none, or None if there is one."""
    from lightship.packaging.onnx.signature import convert_signature

    try:
        convert_signature(folder, target, signature, precision)
    except LightshipError as error:
        return error.message
    except OSError as error:
        return f"the file cannot be written: {error}"
    except MemoryError:
        return "there is not enough memory"
    except Exception as error:  # a signature that fails must not keep the others from being converted
        return str(getattr(error, "reason", f"{type(error).__name__}: {' '.join(str(error).split())}"))[:_MAX_TEXT]
    return None
