"""`lightship convert`: adds files for other engines to a version, made from its SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightship.cli.advice import CONVERT
from lightship.cli.output import print_json, print_text
from lightship.cli.progress_option import StepProgress
from lightship.cli.version_folder import find_version
from lightship.errors import InvalidArgument

if TYPE_CHECKING:
    from lightship.packaging.onnx import Conversion


def convert(
    folder: Annotated[
        str,
        typer.Argument(
            help="A model's folder, such as models/dog, for its newest version, or a version folder, models/dog/1."
        ),
    ],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Make assets.extra/model.onnx, for `lightship serve --engine onnxruntime`.")
    ] = False,
    precision: Annotated[
        Literal["f32", "fp16"],
        typer.Option(help="fp16: also make a file in half precision, for `lightship serve --precision fp16`."),
    ] = "f32",
    progress: StepProgress = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Add ONNX files to a version, made from its SavedModel, for the engine onnxruntime and for GPUs.

    Each file is kept only if it gives the outputs of the golden sample, and TensorFlow's for random inputs. The exit
    code is 1 if serving_default does not convert.
    """
    if not onnx:
        raise InvalidArgument("nothing to convert to: give --onnx")
    found = find_version(folder, CONVERT)
    from lightship.packaging.onnx import add_onnx

    made = add_onnx(found, ["f32"] if precision == "f32" else ["f32", precision], progress)
    if json:
        print_json({"path": str(found.path), "signatures": [_as_json(one) for one in made]})
    else:
        print_text("\n".join(map(_as_text, made)))
    from lightship.saved_model.signatures import DEFAULT_SIGNATURE

    if any(one.signature == DEFAULT_SIGNATURE and one.reason for one in made):
        raise typer.Exit(1)


def _as_json(one: Conversion) -> dict[str, Any]:
    return {
        "signature": one.signature,
        "precision": one.precision,
        "file": f"assets.extra/{one.file}" if one.file else None,
        "reason": one.reason or None,
    }


def _as_text(one: Conversion) -> str:
    kind = "" if one.precision == "f32" else f" ({one.precision})"
    if one.file:
        return f"{one.signature}{kind}: assets.extra/{one.file}"
    return f"{one.signature}{kind}: not converted, because {one.reason}"
