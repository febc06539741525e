"""Prints what Lightship's modules log while a command runs, in the form of the command's own warnings."""

from __future__ import annotations

import logging
import sys

from lightship.cli.failures import explain
from lightship.cli.output import print_text
from lightship.printable import printable


def print_log() -> None:
    """Prints warnings and errors that are logged on standard error, each text once. A server has a log of its own.

    Without this, TensorFlow decides about them: once it has logged anything, absl prints all records as they are, with
    the names of loggers and the control characters of file names.
    """
    logger = logging.getLogger("lightship")
    logger.handlers = [_PrintHandler(logging.WARNING)]
    logger.propagate = False


class _PrintHandler(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = f"{record.levelname.lower()}: {printable(_line(record))}"
            if text not in self._printed:
                self._printed.add(text)
                print_text(text, file=sys.stderr)
        except Exception:  # such as a closed pipe, which must not end what the code that logs does
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    """Returns the text of a record, with the error that was logged with it."""
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.getMessage()}: {explain(error)}" if isinstance(error, Exception) else record.getMessage()
