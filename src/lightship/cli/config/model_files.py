"""Finds everything that is wrong in a file of models of TensorFlow Serving, a ModelServerConfig in text format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightship import protos
from lightship.cli.config.faults import MAX_FAULTS, Fault, Place, WrongConfig
from lightship.cli.config.text_places import FieldPlaces, field_places
from lightship.errors import InvalidArgument, LightshipError
from lightship.files import read_regular
from lightship.lifecycle.model_config import ModelConfig, Specific, is_dots
from lightship.protos.text import field_names, parse_text
from lightship.server.config.files import MAX_FILE_BYTES
from lightship.server.folders import check_folder
from lightship.services.model_configs import requested_models
from lightship.services.nearest_name import KnownNames

_REASON = re.compile(r"(\d+):(\d+): (.*)", re.DOTALL)
_NO_FIELD = re.compile(r'Message type "(?:.*\.)?((?:\w+\.)*\w+)" has no field named "([^"]*)"\.')
_FULL_TYPE = re.compile(r'Message type "([^"]*)"')
# The field that an error about a model is about, by what is in its text.
_ABOUT = (
    ("platform", "model_platform"),
    ("model_type", "model_type"),
    ("logger", "logging_config"),
    ("base_path", "base_path"),
    ("path", "base_path"),
    ("object store", "base_path"),
    ("another machine", "base_path"),
)
_LIST = ("model_config_list", 0)


def check_model_file(path: Path) -> list[ModelConfig]:
    """Returns the models of a file without faults. Their folders must exist.

    Raises WrongConfig with all that is wrong in it, and the errors of `read_regular`.
    """
    data = read_regular(path, MAX_FILE_BYTES)
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise WrongConfig(path, [Fault(place, "a byte is not UTF-8: save the file as UTF-8")]) from None
    mended = _Mended(text)
    message = mended.parsed()
    if message is None:
        raise WrongConfig(path, mended.faults)
    checked = _Checked(message, field_places(mended.text))
    faults = [*mended.faults, *(fault._replace(place=mended.original(fault.place)) for fault in checked.faults)]
    if faults:
        raise WrongConfig(path, faults)
    return checked.models


class _Mended:
    """A text whose misspelt fields are replaced by those that were probably meant, so that all of it can be checked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self._moved: list[tuple[Place, int]] = []  # by how many columns the text behind a place has moved

    def parsed(self) -> Any:
        """Returns the message, or None if the text cannot be read to its end."""
        while len(self.faults) < MAX_FAULTS:
            try:
                return parse_text(self.text, protos.ModelServerConfig)
            except InvalidArgument as error:
                if not self._mend(error.message):
                    return None
        return None

    def original(self, place: Place) -> Place:
        """Returns where something was before anything was replaced."""
        for moved, columns in reversed(self._moved):
            if moved.line == place.line and place.column > moved.column:
                place = Place(place.line, max(moved.column + 1, place.column - columns))
        return place

    def _mend(self, error: str) -> bool:
        found = _REASON.fullmatch(error)
        if found is None:
            self.faults.append(Fault(Place(1, 1), error))
            return False
        place, reason = Place(int(found[1]), int(found[2])), found[3]
        wrong = _NO_FIELD.fullmatch(reason)
        if wrong is None:
            self.faults.append(Fault(self.original(place), f"{reason[:1].lower()}{reason[1:]}"))
            return False
        kind, name = str(_FULL_TYPE.match(reason)[1]), wrong[2]  # type: ignore[index]
        known = field_names(kind)
        near = KnownNames(known).nearest(name) or ""
        meant = f"did you mean {near}?" if near else f"it has {', '.join(known)}"
        self.faults.append(Fault(self.original(place), f'{wrong[1]} has no field "{name}": {meant}', near))
        return bool(near) and self._replace(place, name, near)

    def _replace(self, place: Place, name: str, meant: str) -> bool:
        lines = self.text.split("\n")
        line, at = lines[place.line - 1], place.column - 1
        if not line.startswith(name, at):
            return False
        lines[place.line - 1] = line[:at] + meant + line[at + len(name) :]
        self.text = "\n".join(lines)
        self._moved.append((place, len(meant) - len(name)))
        return True


class _Checked:
    """The models of a message, and what is wrong with each."""

    def __init__(self, message: Any, places: FieldPlaces) -> None:
        self._places = places
        self.models: list[ModelConfig] = []
        self.faults: list[Fault] = []
        if not message.HasField("model_config_list"):
            self._whole(message)
            return
        names: set[str] = set()
        for index, one in enumerate(message.model_config_list.config):
            if one.name in names:
                self._wrong(index, "name", f"model {one.name} is in the list twice: give it another name")
            names.add(one.name)
            self.faults += self._faults(index, one)

    def _whole(self, message: Any) -> None:
        try:
            requested_models(message)
            reason = "the file names no model: give model_config_list { config { ... } }"
        except LightshipError as error:
            reason = error.message
        self.faults.append(Fault(self._places.of("custom_model_config", 0), reason))

    def _faults(self, index: int, one: Any) -> Iterator[Fault]:
        if not one.name:
            self._wrong(index, "name", 'a model has no name: give name: "dog"')
        if is_dots(one.name):  # lightship-model-server serves it, like TensorFlow Serving, but REST clients miss it
            reason = f'"{one.name}" cannot be the name of a model: clients remove it from URLs; give it another name'
            self._wrong(index, "name", reason)
        alone = protos.ModelServerConfig()
        alone.model_config_list.config.append(one)
        try:
            model = (requested_models(alone) or [])[0]
        except LightshipError as error:
            yield self._fault(index, _about(error.message), error.message)
            return
        self.models.append(model)
        try:
            check_folder(model, strict=False)
        except LightshipError as error:
            yield self._fault(index, "base_path", error.message)
        if not isinstance(model.policy, Specific):
            return
        if not model.policy.versions:
            yield self._fault(index, "model_version_policy", "specific { } has no versions: give versions: 1")
        for label, version in model.labels.items():
            if model.policy.versions and version not in model.policy.versions:
                reason = f"label {label} is for version {version}, which the model_version_policy does not serve"
                yield self._fault(index, "version_labels", reason, self._number(index, label))

    def _number(self, index: int, label: str) -> int:
        """Returns which one of the labels of a model, in the order of the text, has this name."""
        texts, number = self._places.texts, 0
        while text := texts.get((*_LIST, "config", index, "version_labels", number, "key", 0)):
            if text[1:-1] == label:
                return number
            number += 1
        return 0

    def _wrong(self, index: int, field: str, reason: str) -> None:
        self.faults.append(self._fault(index, field, reason))

    def _fault(self, index: int, field: str, reason: str, number: int = 0) -> Fault:
        return Fault(self._places.of(*_LIST, "config", index, field, number), reason)


def _about(message: str) -> str:
    """Returns the field that an error about a model is about."""
    return next((field for words, field in _ABOUT if words in message), "name")
