"""Reads configuration files in protobuf's text format, and polls files for changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Generic, TypeVar

from lightship import protos
from lightship.errors import (
    Cancelled,
    FailedPrecondition,
    InvalidArgument,
    LightshipError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
)
from lightship.lifecycle.model_config import ModelConfig
from lightship.protos.text import check_text, parse_text
from lightship.repeated import RepeatedFailure, exception_text
from lightship.services.model_configs import requested_models

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 16 << 20

_CLOSE_SECONDS = 1.0

Content = TypeVar("Content")


class InvalidConfigFile(InvalidArgument):
    """A file that is not a valid text of its message. `parser` is the error line that protobuf itself would write."""

    def __init__(self, path: str, parser: str) -> None:
        super().__init__(f"Invalid protobuf file: '{path}'")
        self.parser = parser


def read_config_file(path: str, kind: Any) -> Any:
    """Reads a message of class `kind` from a file.

    Raises InvalidConfigFile if the text is invalid; NotFound, PermissionDenied or FailedPrecondition if the file cannot
    be read; ResourceExhausted if it is larger than 16 MiB.
    """
    return _parsed(path, kind.DESCRIPTOR.full_name, lambda text: parse_text(text, kind))


def check_config_file(path: str, kind: str) -> None:
    """Checks that a file is a valid text of the message named `kind`. Only fields that Lightship knows are checked.

    Raises the errors of `read_config_file`.
    """
    _parsed(path, kind, lambda text: check_text(text, kind))


def read_models(path: str, served: Collection[str] = ()) -> list[ModelConfig] | None:
    """Reads the models of a file with a ModelServerConfig. Returns None if the file does not configure any.

    `served` holds the names of the models that are served now. Raises the errors of `read_config_file` and
    `requested_models`.
    """
    return requested_models(read_config_file(path, protos.ModelServerConfig), served)


def _parsed(path: str, kind: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(_text(path))
    except UnicodeDecodeError as error:
        raise InvalidConfigFile(path, f"Error parsing text-format {kind}: 1:1: not UTF-8: {error.reason}") from None
    except InvalidArgument as error:
        raise InvalidConfigFile(path, f"Error parsing text-format {kind}: {error.message}") from None


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"{path}; {error.strerror}") from None
    except PermissionError as error:
        raise PermissionDenied(f"{path}; {error.strerror}") from None
    except (OSError, ValueError) as error:
        raise FailedPrecondition(f"{path}; {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ResourceExhausted(f"{path}; a configuration file may have {MAX_FILE_BYTES >> 20} MiB")
    return data.decode()


def _untold(reason: str) -> None:
    """The outcome of a reading for which only the log is told."""


class ConfigFilePoll(Generic[Content]):
    """Reads a file, usually of models, at a fixed interval and when asked to.

    It is applied even if it has not changed. An error is logged and leaves the server as it is. An error that repeats
    is logged only once.
    """

    def __init__(
        self,
        path: str,
        seconds: float,
        apply: Callable[[Content], object],
        served: Callable[[], Collection[str]],
        read: Callable[[str, Collection[str]], Content | None] = read_models,  # type: ignore[assignment]
        outcome: Callable[[str], None] = _untold,
    ) -> None:
        """`path` is the file, as the log names it. `seconds` is the interval between two reads; 0: the file is read
        only when `read_now` asks for it.

        `apply` applies what was read; it raises Cancelled when the server stops, which ends the polling. `served`
        returns the names of the models that are served now. `read` reads the file, given its path and these names; None
        means that it configures nothing. `outcome` is called after each reading, with the reason why it was not applied
        or an empty text.
        """
        self._path, self._seconds, self._apply, self._served = path, seconds, apply, served
        self._read, self._outcome = read, outcome
        self._closed = False
        self._wake = threading.Event()
        self._asked = False
        self._failing = RepeatedFailure()
        self._thread = threading.Thread(target=self._poll, name="lightship-config", daemon=True)

    def start(self) -> None:
        """Starts a thread that reads the file at once and then at each interval."""
        self._thread.start()

    def read_now(self) -> None:
        """Lets the thread read the file now and log the outcome, even if it is the same as before."""
        self._asked = True
        self._wake.set()

    def close(self) -> None:
        """Ends the thread. Does not wait for a file that cannot be read to its end, on a lost file server say."""
        self._closed = True
        self._wake.set()
        self._thread.join(_CLOSE_SECONDS)

    def _poll(self) -> None:
        if not self._seconds:
            self._pause()
        while not self._closed:
            asked, self._asked = self._asked, False
            try:
                self._once(asked)
            except Cancelled:
                return
            except LightshipError as error:
                self._say(error, again=asked)
            except Exception as error:  # an unexpected error in one read must not end the polling
                if self._failing.is_new(exception_text(error)) or asked:
                    logger.exception("reading %s failed", self._path)
                self._outcome(f"an unexpected error: {exception_text(error)}")
            self._pause()

    def _pause(self) -> None:
        self._wake.wait(self._seconds or None)
        self._wake.clear()

    def _once(self, asked: bool) -> None:
        content = self._read(self._path, self._served())
        if content is not None:
            self._apply(content)
        failed = self._failing.ended()
        if asked or failed:
            logger.info("%s was read again", self._path)
        self._outcome("")

    def _say(self, error: LightshipError, *, again: bool) -> None:
        detail = f" ({error.parser})" if isinstance(error, InvalidConfigFile) else ""
        text = f"{error.code.name}: {error.message}{detail}"
        if self._failing.is_new(text) or again:
            logger.error("%s was not applied: %s", self._path, text)
        self._outcome(text)
