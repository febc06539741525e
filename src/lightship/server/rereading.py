"""Reads the configuration again when SIGHUP asks for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from lightship.lifecycle.source import FileSystemSource
from lightship.server.config.files import ConfigFilePoll
from lightship.threads import start_thread
from lightship.transports.grpc.options import Tls

logger = logging.getLogger(__name__)


class Rereading:
    """Reads the file of models and those of TLS, if there are any, and looks for versions in the folders of all models.

    All of it happens in other threads, so that a slow disk does not keep the server from stopping.
    """

    def __init__(
        self,
        source: FileSystemSource,
        file: ConfigFilePoll[Any] | None,
        tls: ConfigFilePoll[Tls] | None,
        read_once: Sequence[str],
    ) -> None:
        """read_once: the names of what was read at the start and is not read again, such as --batching_parameters_file.

        tls: reads the TLS files, if there are any.
        """
        self._source, self._file, self._tls, self._read_once = source, file, tls, read_once
        self._looking = threading.Lock()

    def start(self) -> None:
        """Starts to read, and returns at once. Calls while it still looks at the folders do not look again."""
        if self._file is not None:
            self._file.read_now()
        else:
            logger.info(
                "there is no file of models to read again; looking for new versions in the folders of the models"
            )
        if self._tls is not None:
            self._tls.read_now()
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
