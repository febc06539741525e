"""What a request for explanations says besides its images: in the URL's query, and in the body if that is JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from lightship.bundle.explain_spec import PREDICTED
from lightship.errors import InvalidArgument
from lightship.images.colormaps import DEFAULT_COLORMAP, check_colormap
from lightship.images.overlay import DEFAULT_ALPHA, check_alpha
from lightship.lifecycle.servable import Servable
from lightship.services.explain import MAX_TOP, class_of
from lightship.services.nearest_name import KnownNames
from lightship.transports.http.messages import JSON
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.writing.dump import dump

PNG = b"image/png"
OPTIONS = ("method", "class", "top", "colormap", "alpha")
_MEDIA = {"application/json": JSON, "application/*": JSON, "*/*": JSON, "image/png": PNG, "image/*": PNG}
_PREDICTED = "predicted"
_SHOWN = 100  # characters of a value in an error's text

ClassChoice = str | int


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """The options of a request. None is what is used if an option is not given."""

    method: str | None = None
    # One class for all images, or one for each; None is the predicted one.
    classes: ClassChoice | tuple[ClassChoice, ...] | None = None
    # How many classes of each image are explained. None: one, which is not in a list of its own.
    top: int | None = None
    colormap: str = DEFAULT_COLORMAP
    alpha: float = DEFAULT_ALPHA

    def indices(self, servable: Servable, count: int) -> list[int] | None:
        """Returns the index of a class for each of `count` images, `PREDICTED` for the predicted one; None for all so.

        Raises InvalidArgument if a class does not exist, or if there is another number of classes.
        """
        if self.classes is None:
            return None
        if not isinstance(self.classes, tuple):
            return [_index_of(servable, self.classes)] * count
        if len(self.classes) != count:
            raise InvalidArgument(
                f"class has {len(self.classes)} values for {count} images: give one for each image, or one for all"
            )
        return [_index_of(servable, one) for one in self.classes]


def explain_options(query: str, document: Mapping[str, Any], media: bytes) -> ExplainOptions:
    """Returns the options in a query and in a JSON object, of which other members are not looked at.

    media: of the answer. Raises InvalidArgument for a value that cannot be, for an option that is given twice, and for
    an option of images if the answer is JSON.
    """
    given = _of_query(query)
    for name in OPTIONS:
        if name in document:
            if name in given:
                raise InvalidArgument(f"{name} is in the URL and in the body: give it once")
            given[name] = document[name]
    for name in ("colormap", "alpha"):
        if name in given and media != PNG:
            raise InvalidArgument(
                f"{name} is for an image, and the answer is JSON: send Accept: {PNG.decode()}, or leave it out"
            )
    options = ExplainOptions(
        _method(given.get("method")),
        _classes(given.get("class")),
        _top(given.get("top")),
        _colormap(given.get("colormap")),
        _alpha(given.get("alpha")),
    )
    if options.classes is not None and (options.top or 1) > 1:
        raise InvalidArgument(
            f"class and top={options.top} are given: top explains the best classes, and class a certain one; give one "
            "of them"
        )
    return options


def wanted_media(accept: str) -> bytes:
    """Returns the media type of the answer for an `Accept` header: JSON or `PNG`; JSON if there is none.

    Of several that fit, the one with the highest q is taken, or else the first. Raises InvalidArgument if none fits.
    """
    best, found = 0.0, b""
    for part in accept.split(","):
        media, *parameters = (one.strip().lower() for one in part.split(";"))
        quality = _quality(parameters)
        if media in _MEDIA and quality > best:
            best, found = quality, _MEDIA[media]
    if found or not accept.strip():
        return found or JSON
    raise InvalidArgument(
        f"Accept is {accept[:_SHOWN]!r}; an explanation is {JSON.decode()}, or {PNG.decode()} with the map over the "
        "photo"
    )


def check_fields(document: Mapping[str, Any]) -> None:
    """Raises InvalidArgument, with the nearest name, for a member of a request that means nothing."""
    known = ("instances", "inputs", *OPTIONS)
    for name in document:
        if name not in known:
            raise _unknown("the request has the member", name, known)


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _of_query(query: str) -> dict[str, Any]:
    """Returns the options of a query as a JSON object would hold them."""
    given: dict[str, Any] = {}
    classes: list[str] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            raise _unknown("the URL has the parameter", name, OPTIONS)
        if name == "class":
            classes.append(value)
            given[name] = value if len(classes) == 1 else classes
        elif name in given:
            raise InvalidArgument(f"{name} is in the URL twice: give it once")
        else:
            given[name] = value
    for name, convert in (("top", _whole_number), ("alpha", _number)):
        if name in given:
            given[name] = convert(given[name])
    return given


def _whole_number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _method(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InvalidArgument(f'method is {_shown(value)}; give a name, such as "cam"')


def _classes(value: Any) -> ClassChoice | tuple[ClassChoice, ...] | None:
    if value is None:
        return None
    if isinstance(value, NumberArray) and len(value.shape) == 1:
        value = list(value.numbers())
    if isinstance(value, list):
        return tuple(map(_class, value))
    return _class(value)


def _class(value: Any) -> ClassChoice:
    if isinstance(value, str) or type(value) is int:
        return value
    raise InvalidArgument(
        f'class is {_shown(value)}; give a label, an index, "{_PREDICTED}", or a list with one of these for each image'
    )


def _top(value: Any) -> int | None:
    if value is None or (type(value) is int and 1 <= value <= MAX_TOP):
        return value
    raise InvalidArgument(f"top is {_shown(value)}; give a number of classes from 1 to {MAX_TOP}")


def _colormap(value: Any) -> str:
    if value is None:
        return DEFAULT_COLORMAP
    name = value if isinstance(value, str) else _shown(value)
    check_colormap(name)
    return name


def _alpha(value: Any) -> float:
    if value is None:
        return DEFAULT_ALPHA
    if type(value) not in (int, float):
        raise InvalidArgument(
            f"alpha is {_shown(value)}; give a number from 0 (only the photo) to 1 (only the colours)"
        )
    check_alpha(value)
    return float(value)


def _index_of(servable: Servable, wanted: ClassChoice) -> int:
    if wanted == _PREDICTED and _PREDICTED not in (servable.bundle.labels or ()):
        return PREDICTED
    return class_of(servable, wanted)


def _shown(value: Any) -> str:
    text = dump(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _unknown(what: str, name: str, known: Sequence[str]) -> InvalidArgument:
    near = KnownNames(known).nearest(name)
    question = "" if near is None else f"did you mean '{near}'? "
    return InvalidArgument(f"{what} '{name[:_SHOWN]}': {question}An explanation takes {', '.join(known)}")
