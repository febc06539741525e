"""The settings that `lightship tune` has found for models on this host, in files beside the compiled models.

A setting belongs to the digest of a version's files, to the versions of Lightship and its engines, and to the
processors of this process. A file that is damaged or belongs to another host is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from lightship import __version__
from lightship.engines.base import DEFAULT_OPTIONS, Costs, EngineOptions, Figures, SignatureReport
from lightship.engines.cache import default_folder, is_private
from lightship.engines.cache_keys import cache_key, digest_of_folder, openvino_version
from lightship.errors import FailedPrecondition, LightshipError
from lightship.files import read_regular
from lightship.processors import available_cpus, cpu_quota, schedulable_cpus
from lightship.saved_model.digests import Digests
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

logger = logging.getLogger(__name__)

_FORMAT = 1
_FOLDER = "tuned"
_MAX_BYTES = 1 << 20
MAX_FILES = 1000
_MAX_STREAMS = 4096
# Options that a tuned setting leaves as they are. If any other one is given, nothing tuned is used.
_LEFT = frozenset({"trust", "trial_seconds", "trial_memory", "cache_dir", "tensorflow_texts", "low_priority", "tuned"})


@dataclass(frozen=True, slots=True)
class TunedSetting:
    """What `lightship tune` found to be best for a version on this host."""

    # Threads of one run; 0 for one per processor.
    threads: int
    # Runs that are computed at once when calls wait; 0: as the engine measures.
    streams: int
    # The largest number of rows of a joined run; 1: calls are not joined; 0: as the engine measures.
    rows: int
    # As `EngineOptions.one_row` and `EngineOptions.precision`.
    one_row: str
    precision: str
    # The signature that it was found for, and the engine that runs it. With another engine, it is not used.
    signature: str = DEFAULT_SIGNATURE
    engine: str = "openvino"
    # What runs cost. None: the engine measures by itself.
    figures: Figures | None = None
    # How many times as good as the default it was, by what was asked for: "throughput", "latency" or a limit.
    gain: float = 1.0
    objective: str = "throughput"
    # When it was found, in seconds since 1970.
    made: float = 0.0

    def check(self, reports: Iterable[SignatureReport]) -> None:
        """Raises FailedPrecondition if another engine than the one that was tuned runs the signature."""
        for report in reports:
            if report.signature == self.signature and report.engine not in ("", self.engine):
                raise FailedPrecondition(
                    f'the signature "{self.signature}" runs on {report.engine} with it, but it was found for '
                    f"{self.engine}: {report.reason}"
                )

    def on(self, options: EngineOptions) -> EngineOptions:
        """Returns the options with this setting."""
        chosen: dict[str, Any] = {"one_row": self.one_row, "precision": self.precision}
        return replace(options, threads=self.threads, streams=self.streams, figures=self.figures, **chosen)

    def __str__(self) -> str:
        parts = [
            f"{self.threads} {'thread' if self.threads == 1 else 'threads'}" if self.threads else "",
            f"{self.streams} {'stream' if self.streams == 1 else 'streams'}" if self.streams else "",
            ("no batches" if self.rows == 1 else f"batches of up to {self.rows} rows") if self.rows else "",
            {"always": "a model for one row", "never": "no model for one row"}.get(self.one_row, ""),
            self.precision if self.precision != DEFAULT_OPTIONS.precision else "",
        ]
        return ", ".join(filter(None, parts)) or "the default"


class TunedSettings:
    """The kept settings in a folder. None stands for a user without a home folder, for whom nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, model: str, shown: Path) -> TunedSetting | None:
        """Returns the setting for a version whose files have this digest, on this host; None if there is none.

        Logs one line if there is a setting that cannot be used. `shown` names the version in it.
        """
        if self._folder is None:
            return None
        file = self._folder / _name(model)
        extra = {"folder": str(shown)}
        try:
            if not is_private(self._folder.stat()):
                logger.warning("%s is not used: it belongs to another user, or others may write to it", self._folder)
                return None
            return _parsed(read_regular(file, _MAX_BYTES))
        except (LightshipError, OSError):
            if not os.path.lexists(file):  # False too for a folder that this user may not look into
                self._say_stale(model, shown)
                return None
            logger.warning("%s: the tuned setting %s cannot be read, so it is not used", shown, file, extra=extra)
        except (ValueError, KeyError, TypeError) as error:
            text = "%s: the tuned setting %s is damaged (%s), so it is not used: run `lightship tune` again"
            logger.warning(text, shown, file, error, extra=extra)
        return None

    def keep(self, model: str, setting: TunedSetting) -> Path:
        """Writes the setting of a version, whose files have this digest, and returns the file.

        Replaces the one that was kept for this host. Raises FailedPrecondition if it cannot be written.
        """
        if self._folder is None:
            raise FailedPrecondition(
                "a tuned setting cannot be kept, because this user has no home folder: name a folder with "
                "LIGHTSHIP_CACHE_DIR"
            )
        content = {"format": _FORMAT, "model": model, "host": _host(), "setting": _as_json(setting)}
        data = json.dumps({**content, "digest": _digest(content)}, indent=1).encode()
        place = self._folder / _name(model)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(place, data)
        except OSError as error:
            reason = error.strerror or error
            raise FailedPrecondition(
                f"{place} cannot be written: {reason}. Name another folder with LIGHTSHIP_CACHE_DIR"
            ) from error
        self._make_room(place)
        return place

    def forget(self, model: str) -> int:
        """Removes all settings of a version, also those of other hosts, and returns their number.

        Raises FailedPrecondition if one cannot be removed.
        """
        files = self.files(model)
        for file in files:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise FailedPrecondition(f"{file} cannot be removed: {error.strerror or error}") from error
        return len(files)

    def drop(self, model: str) -> None:
        """Removes the setting of a version for this host, if there is one. A failure is logged."""
        if self._folder is not None:
            file = self._folder / _name(model)
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("%s cannot be removed: %s", file, error.strerror or error)

    def files(self, model: str = "") -> list[Path]:
        """Returns the files of a version, by the digest of its files, or of all versions.

        There are none in a folder that this user may not look into.
        """
        if self._folder is None:
            return []
        with suppress(OSError):
            return sorted(self._folder.glob(f"{model}*.json"))
        return []

    def _say_stale(self, model: str, shown: Path) -> None:
        for file in self.files(model):
            with suppress(LightshipError, OSError, ValueError, KeyError, TypeError):
                host = json.loads(read_regular(file, _MAX_BYTES))["host"]
                text = "%s: the setting that was tuned with %s is not used, because this is %s: run `lightship tune`"
                logger.info(text, shown, _described(host), _described(_host()), extra={"folder": str(shown)})
                return

    def _make_room(self, newest: Path) -> None:
        """Removes the oldest files beyond `MAX_FILES`."""
        with suppress(OSError):
            others = [file for file in self.files() if file != newest]
            others.sort(key=lambda file: file.stat().st_mtime, reverse=True)
            for file in others[MAX_FILES - 1 :]:
                file.unlink(missing_ok=True)


def settings_for(options: EngineOptions) -> TunedSettings:
    """Returns the settings beside the compiled models of these options."""
    folder = options.cache_dir or default_folder()
    return TunedSettings(None if folder is None else folder / _FOLDER)


def tuned_setting(
    folder: Path, options: EngineOptions, digests: Digests | None = None, shown: Path | None = None
) -> TunedSetting | None:
    """Returns the setting to load a version with, or None for the options as they are.

    shown: what the log calls the version, if it is loaded from a copy.
    """
    if not options.tuned or chosen_options(options):
        return None
    settings = settings_for(options)
    if not settings.files():  # then the version's files need no digest
        return None
    try:
        model = digest_of_folder(folder, digests=digests)
    except (LightshipError, OSError):
        return None  # loading the version says why
    return settings.find(model, shown or folder)


def chosen_options(options: EngineOptions) -> list[str]:
    """Returns the names of the options that differ from the defaults, without those that say nothing of how runs go."""
    names = (field.name for field in fields(EngineOptions) if field.name not in _LEFT)
    return [name for name in names if getattr(options, name) != getattr(DEFAULT_OPTIONS, name)]


def _name(model: str) -> str:
    return f"{model}-{cache_key({'tuned': _host()})[:32]}.json"


def _host() -> dict[str, Any]:
    return {
        "lightship": __version__,
        "openvino": openvino_version(),
        "processors": available_cpus(),
        "schedulable": schedulable_cpus(),
        "quota": cpu_quota(),
    }


def _described(host: Mapping[str, Any]) -> str:
    number = int(host["processors"])
    limit = f" (limited to {float(host['quota']):g})" if host["quota"] else ""
    processors = f"{number} {'processor' if number == 1 else 'processors'}{limit}"
    return f"Lightship {host['lightship']} and OpenVINO {host['openvino']} on {processors}"


def _write(place: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    number, name = tempfile.mkstemp(dir=place.parent, prefix=".tuned-")
    try:
        with open(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _as_json(setting: TunedSetting) -> dict[str, Any]:
    figures = setting.figures
    known = {field.name: getattr(setting, field.name) for field in fields(setting)}
    if figures is not None:
        known["figures"] = {field.name: getattr(figures, field.name) for field in fields(figures)}
    return known


def _parsed(data: bytes) -> TunedSetting:
    """Returns the setting of a file. Raises ValueError, KeyError or TypeError if it is not what `keep` wrote."""
    content = json.loads(data)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError("it has another format")
    if content.pop("digest", "") != _digest(content):
        raise ValueError("it was changed after it was written")
    known = content["setting"]
    figures = known["figures"]
    return TunedSetting(
        threads=_number(known["threads"], 0),
        streams=_number(known["streams"], 0),
        rows=_number(known["rows"], 0),
        one_row=str(known["one_row"]),
        precision=str(known["precision"]),
        signature=str(known["signature"]),
        engine=str(known["engine"]),
        figures=None if figures is None else _figures(figures),
        gain=_positive(known["gain"]),
        objective=str(known["objective"]),
        made=float(known["made"]),
    )


def _figures(known: Mapping[str, Any]) -> Figures:
    streams = _number(known["streams"], 1)
    costs, several = _costs(known["costs"]), _costs(known["costs_of_streams"])
    if streams > 1 and not {1} <= dict(costs).keys() & dict(several).keys():
        raise ValueError("it does not say what one row costs")
    return Figures(str(known["signature"]), costs, streams, several)


def _costs(pairs: Any) -> Costs:
    return tuple((_number(rows, 1), _positive(seconds)) for rows, seconds in pairs)


def _number(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value <= _MAX_STREAMS:
        raise ValueError(f"{value!r} is not a whole number from {least} to {_MAX_STREAMS}")
    return value


def _positive(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{value!r} is not a number above 0")
    return number
