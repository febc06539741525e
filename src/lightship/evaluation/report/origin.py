"""How a photo becomes the model's input, and how the model was made."""

from __future__ import annotations

import json
from datetime import datetime

from lightship.evaluation.page import Markup, facts, joined, tag
from lightship.evaluation.report.content import ReportContent
from lightship.images.spec import ImageSpec

_NAMES = {
    "height": "Height",
    "width": "Width",
    "color": "Colour",
    "family": "Resized as by",
    "resize": "Resize method",
    "antialias": "Antialias",
    "fit": "Fit",
    "preprocessing": "Preprocessing",
}
_FAMILIES = {"pillow": "Pillow", "tensorflow": "TensorFlow"}


def model_input(spec: ImageSpec) -> Markup:
    """Returns the image spec. The attribute `data-spec` has it as JSON."""
    fields = spec.to_json()
    shown = facts((_NAMES.get(key, key), _shown(key, value)) for key, value in fields.items() if value is not None)
    explanation = "Training prepared each photo in this way. A server of this model does the same."
    return joined(
        (tag("p", explanation, class_="quiet"), tag("div", shown, data_spec=json.dumps(fields, sort_keys=True)))
    )


def _shown(key: str, value: object) -> str:
    if key in ("height", "width"):
        return f"{value} pixels"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key == "family":
        return _FAMILIES.get(str(value), str(value))
    return value if isinstance(value, str) else json.dumps(value)


def day(created: str) -> str:
    """Returns when a training ended, as readers write it; a text that is not an ISO date as it is."""
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        return created
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M}{zone}"


def reproduction(content: ReportContent) -> Markup:
    """Returns the command that trains the model again."""
    lines = "\n".join(map(_line, content.command.splitlines() or [""]))
    return joined(
        (
            tag(
                "p", "This command trains the model again, from the same photos and with the same seed.", class_="quiet"
            ),
            tag("pre", tag("code", Markup(lines)), tabindex="0", role="region", aria_label="Command"),
            facts((("Base", content.base), ("Created", day(content.created)))),
        )
    )


def _line(line: str) -> Markup:
    return joined((line,))
