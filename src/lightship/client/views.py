"""How results look in an interpreter and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightship.printable import printable
from lightship.tensors.shapes import declared_shape

if TYPE_CHECKING:
    from lightship.client.explanations import Explanation
    from lightship.client.results import (
        Classification,
        ModelMetadata,
        ModelStatus,
        Prediction,
        SignatureInfo,
        TensorInfo,
        VersionStatus,
    )

_LABELS = 5  # shown of a classification in a line
_ROWS = 20  # shown of a classification in a notebook
_NUMBERS = 8  # the largest array whose values are shown in a line
_EDGE = 3  # values that are shown at the edges of a long array
_VALUES = 200  # characters of the values that are shown
_INITIALIZER = "__saved_model_init_op"  # a signature that no client runs


def classification_text(shown: Classification) -> str:
    pairs = list(zip(shown.labels, shown.scores, strict=False))
    best = ", ".join(f"{label!r} {score:.3f}" for label, score in pairs[:_LABELS])
    return printable(
        f"Classification({best or 'no labels'}{_more(len(pairs), _LABELS)}; {_model(shown.model, shown.version)})"
    )


def classification_html(shown: Classification) -> str:
    from lightship import notebook

    pairs = list(zip(shown.labels, shown.scores, strict=False))
    rows: list[Sequence[object]] = [(label, f"{score:.3f}", notebook.bar(score)) for label, score in pairs[:_ROWS]]
    if len(pairs) > _ROWS:
        rows.append((f"{len(pairs) - _ROWS} more", "", ""))
    return notebook.table(_model(shown.model, shown.version), rows, ["label", "score", ""])


def prediction_text(shown: Prediction) -> str:
    outputs = ", ".join(f"{name!r}: {_array(array)}" for name, array in shown.outputs.items())
    return printable(f"Prediction({outputs or 'no outputs'}; {_model(shown.model, shown.version)})")


def prediction_html(shown: Prediction) -> str:
    from lightship import notebook

    rows = [(name, array.dtype, list(array.shape), _values(array)) for name, array in shown.outputs.items()]
    return notebook.table(_model(shown.model, shown.version), rows, ["output", "dtype", "shape", "values"])


def version_text(shown: VersionStatus) -> str:
    why = f"{shown.error_code}: {shown.error_message}" if shown.error_code != "OK" else shown.note
    return printable(f"VersionStatus({shown.version} {shown.state}{f', {why}' if why else ''})")


def model_text(shown: ModelStatus) -> str:
    versions = ", ".join(f"version {one.version} {one.state}" for one in shown.versions) or "no versions"
    why = shown.reason or shown.notice
    return printable(f"ModelStatus({shown.name!r}: {versions}{f'; {why}' if why else ''})")


def model_html(shown: ModelStatus) -> str:
    from lightship import notebook

    title = f"{shown.name}: {'ready' if shown.ready else 'not ready'}"
    why = shown.reason or shown.notice
    rows = [_version_row(one) for one in shown.versions]
    return notebook.table(f"{title} ({why})" if why else title, rows, ["version", "state", "engine", ""])


def version_html(shown: VersionStatus) -> str:
    from lightship import notebook

    return notebook.table(f"version {shown.version}", [_version_row(shown)], ["version", "state", "engine", ""])


def signature_text(shown: SignatureInfo) -> str:
    return printable(f"SignatureInfo({_signature(shown)})")


def signature_html(shown: SignatureInfo) -> str:
    from lightship import notebook

    return notebook.table(shown.method_name, _signature_rows(shown), ["", "name", "dtype", "shape"])


def metadata_text(shown: ModelMetadata) -> str:
    signatures = ", ".join(f"{name}{_signature(one)}" for name, one in _public(shown.signatures))
    return printable(f"ModelMetadata({_model(shown.model, shown.version)}: {signatures or 'no signatures'})")


def metadata_html(shown: ModelMetadata) -> str:
    from lightship import notebook

    rows = [(name, *row) for name, one in _public(shown.signatures) for row in _signature_rows(one)]
    return notebook.table(_model(shown.model, shown.version), rows, ["signature", "", "name", "dtype", "shape"])


def _model(name: str, version: int | None) -> str:
    return f"model {name!r}" if version is None else f"model {name!r}, version {version}"


def _more(count: int, shown: int) -> str:
    return f", {count - shown} more" if count > shown else ""


def _array(array: NDArray[Any]) -> str:
    kind = f"{array.dtype} {list(array.shape)}"
    return f"{kind} = {_values(array)}" if array.size <= _NUMBERS else kind


def _values(array: NDArray[Any]) -> str:
    """Returns the values in one line; of a long array those at its edges."""
    text = np.array2string(array, threshold=_NUMBERS, edgeitems=_EDGE, max_line_width=1 << 20, separator=", ")
    line = " ".join(text.split())
    return line if len(line) <= _VALUES else f"{line[:_VALUES]}..."


def _version_row(shown: VersionStatus) -> Sequence[object]:
    why = f"{shown.error_code}: {shown.error_message}" if shown.error_code != "OK" else shown.note
    engines = sorted({one.engine for one in shown.signatures if one.engine})
    return shown.version, shown.state, ", ".join(engines), why


def _public(signatures: Mapping[str, SignatureInfo]) -> Iterable[tuple[str, SignatureInfo]]:
    return [(name, one) for name, one in signatures.items() if name != _INITIALIZER]


def _signature(shown: SignatureInfo) -> str:
    return f"({_tensors(shown.inputs)}) -> ({_tensors(shown.outputs)})"


def _tensors(tensors: Mapping[str, TensorInfo]) -> str:
    return ", ".join(f"{name}: {one.dtype} {declared_shape(one.shape)}" for name, one in tensors.items())


def _signature_rows(shown: SignatureInfo) -> list[Sequence[object]]:
    return [
        (kind, name, one.dtype, declared_shape(one.shape))
        for kind, tensors in (("input", shown.inputs), ("output", shown.outputs))
        for name, one in tensors.items()
    ]


def explanation_text(shown: Explanation) -> str:
    what = repr(shown.label) if shown.label else f"class {shown.class_index}"
    by = f"by {shown.method}" if shown.method else "by the default method"
    layer = f" at {shown.layer}" if shown.layer else ""
    size = " x ".join(map(str, shown.map.shape))
    return printable(
        f"Explanation({what} {shown.score:.3f} {by}{layer}, map {size}; {_model(shown.model, shown.version)})"
    )


def explanation_html(shown: Explanation) -> str:
    from lightship import notebook
    from lightship.client.heat_maps import thumbnail  # imports Pillow
    from lightship.errors import LightshipError

    try:
        picture: object = notebook.image(thumbnail(shown), f"heat map for {shown.label or shown.class_index}")
    except LightshipError as error:  # of a photo that cannot be decoded
        picture = error.message
    rows = [
        ("class", shown.label or shown.class_index),
        ("score", f"{shown.score:.3f}"),
        ("method", f"{shown.method or 'default'}{f' at {shown.layer}' if shown.layer else ''}"),
        ("map", list(shown.map.shape)),
        ("", picture),
    ]
    return notebook.table(_model(shown.model, shown.version), rows)
