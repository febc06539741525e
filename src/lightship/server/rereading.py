"""Reads the configuration again when SIGHUP asks for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from lightship.lifecycle.source import FileSystemSource
from lightship.server.config.files import ConfigFilePoll
from lightship.threads import start_thread

logger = logging.getLogger(__name__)


class Rereading:
    """Reads the file of models, if there is one, and looks for versions in the folders of all models.

    Both happen in other threads, so that a slow disk does not keep the server from stopping.
    """

    def __init__(self, source: FileSystemSource, file: ConfigFilePoll[Any] | None, read_once: Sequence[str]) -> None:
        """read_once: the names of what was read at the start and is not read again, such as --ssl_config_file."""
        self._source, self._file, self._read_once = source, file, read_once
        self._looking = threading.Lock()

    def start(self) -> None:
        """Starts to read, and returns at once. Calls while it still looks at the folders do not look again."""
        if self._file is not None:
            self._file.read_now()
        else:
            logger.info(
                "there is no file of models to read again; looking for new versions in the folders of the models"
            )
        if self._read_once:
            logger.info(
                "these were read at the start and are not read again: %s; restart the server to change them",
                ", ".join(self._read_once),
            )
        start_thread(self._look, name="lightship-reread")

    def _look(self) -> None:
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._source.poll_once()
        except Exception:
            logger.exception("looking at the models' folders failed")
        finally:
            self._looking.release()
