"""Imports NNCF without what it prints, and without what it changes in the process's logs."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

from lightship.packaging.quiet import quiet_loggers


@contextlib.contextmanager
def quiet_nncf() -> Iterator[Any]:
    """Yields NNCF, which prints nothing while the block runs, and never reports to the network."""
    os.environ.setdefault("NNCF_CI", "1")  # it reports nothing then
    from lightship.engines.openvino.runtime import openvino

    openvino()  # without its own reports
    output = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()) as written, contextlib.redirect_stderr(io.StringIO()):
        nncf = _imported()
        try:
            with quiet_loggers("nncf"):  # `nncf.set_log_level` would also set the level of handlers of others
                yield nncf
        finally:
            for handler in logging.getLogger("nncf").handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is written:
                    handler.setStream(output)


def _imported() -> Any:
    logger_class = logging.getLoggerClass()
    try:
        import nncf
    finally:
        logging.setLoggerClass(logger_class)  # NNCF makes its own the one of all later loggers
    return nncf
