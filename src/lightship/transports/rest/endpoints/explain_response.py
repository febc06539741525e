"""Writes the responses of `:explain`: the maps as JSON, or one of them over its photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from lightship.images.fit import Region
from lightship.images.overlay import overlay, png
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import Reservation
from lightship.services.explain import Explanations
from lightship.transports.http.messages import Headers
from lightship.transports.rest.endpoints.explain_options import ExplainOptions
from lightship.transports.rest.endpoints.predict_response import objects
from lightship.transports.rest.reading.values import encoded
from lightship.transports.rest.writing.number_text import float_texts
from lightship.transports.rest.writing.text import quoted
from lightship.transports.rest.writing.text_memory import answer_memory

_TEXT = 64  # bytes of a number of a map while it is a Python string


def explanations_document(
    found: Explanations, top: int | None, model: str, memory: Reservation, regions: Sequence[Region] | None = None
) -> bytes:
    """Writes `{"explanations": [...], "method": ..., "layer": ..., "model": ...}`.

    There is an object for each image, or, if `top` is more than 1, a list with an object for each of its classes.
    regions: the part of each image that its map covers, if that is not all of it.
    The text is counted in `memory` first. Raises the errors of `Reservation.grow`.
    """
    memory.grow(answer_memory({"map": found.maps}, rows=True) + _TEXT * (found.maps[:1].size + 8 * len(found.maps)))
    rows = _rows(found)
    if regions is not None:
        rows = [(*row, _region_text(regions[place // (top or 1)])) for place, row in enumerate(rows)]
    if top is None or top == 1:
        written = objects(rows)
    else:
        groups = (objects(rows[start : start + top]) for start in range(0, len(rows), top))
        written = "[\n    " + ",\n    ".join(groups) + "\n    ]"
    members = {"explanations": written} | {
        name: quoted(text) for name, text in (("method", found.method), ("layer", found.layer), ("model", model))
    }
    return encoded("{\n    " + ",\n    ".join(f'"{name}": {text}' for name, text in members.items()) + "\n}")


def explained_photo(
    servable: Servable, photo: bytes, found: Explanations, options: ExplainOptions, memory: Reservation
) -> tuple[bytes, Headers]:
    """Returns a PNG of a photo with its map over it, and headers that say what it explains.

    Raises the errors of `overlay`.
    """
    image = overlay(
        photo,
        found.maps[0],
        spec=servable.bundle.image,
        colormap=options.colormap,
        alpha=options.alpha,
        max_photo_pixels=servable.max_pixels,
        memory=memory,
    )
    return png(image), _described(found)


def _described(found: Explanations) -> Headers:
    label = found.labels[0]
    return (
        (b"Lightship-Class-Index", b"%d" % found.class_index[0]),
        *(((b"Lightship-Label", quote(label).encode()),) if label is not None else ()),
        (b"Lightship-Score", float_texts(found.scores[:1])[0].encode()),
        (b"Lightship-Method", quote(found.method).encode()),
    )


def _rows(found: Explanations) -> list[tuple[str, ...]]:
    """Returns the texts of the members of each explanation."""
    scores, logits = float_texts(found.scores), float_texts(found.logits)
    return [
        (
            f'"class_index": {index}',
            f'"label": {"null" if label is None else quoted(label)}',
            f'"score": {score}',
            f'"logit": {logit}',
            f'"map": {_map_text(heat)}',
        )
        for index, label, score, logit, heat in zip(
            found.class_index.tolist(), found.labels, scores, logits, found.maps, strict=True
        )
    ]


def _region_text(region: Region) -> str:
    return f'"region": [{", ".join(float_texts(np.array(region)))}]'


def _map_text(heat: NDArray[Any]) -> str:
    width, texts = heat.shape[1], float_texts(np.ascontiguousarray(heat).reshape(-1))
    rows = (", ".join(texts[row * width : (row + 1) * width]) for row in range(len(heat)))
    return f"[{', '.join(f'[{row}]' for row in rows)}]"
