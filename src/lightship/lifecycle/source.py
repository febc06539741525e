"""Watches model folders and tells the manager which versions should be there."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from lightship.bundle.versions import explain_model_folder, list_versions
from lightship.errors import LightshipError
from lightship.lifecycle.manager import Manager

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    """explanation: why there is no version, as last logged; None while there is one."""

    folder: Path
    explanation: str | None = None


class FileSystemSource:
    """Polls the folders that were added; of each, the highest version is aspired.

    A folder that is missing or cannot be read holds up its own model alone, and what is loaded of it stays. One that
    is there and has no version lets go of what is loaded.
    """

    def __init__(self, manager: Manager, poll_seconds: float = 1.0) -> None:
        """poll_seconds: between polls; 0 for one poll, when a folder is added, and a negative number for none."""
        self._manager = manager
        self._poll_seconds = poll_seconds
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, name: str, folder: Path) -> None:
        """Watches a model's folder under a name and looks into it at once. The polling starts with the first."""
        with self._lock:
            self._watched[name] = _Watched(folder)
        self._manager.expect(name)
        if self._poll_seconds >= 0:
            self._poll_model(name)
        if self._poll_seconds > 0 and self._thread is None:
            self._thread = threading.Thread(target=self._poll, name="lightship-source", daemon=True)
            self._thread.start()

    def poll_once(self) -> None:
        """Looks into every folder now."""
        with self._lock:
            names = list(self._watched)
        for name in names:
            self._poll_model(name)

    def explanations(self) -> dict[str, str]:
        """Of the models without a version: what is there instead, and what mends it."""
        with self._lock:
            return {name: one.explanation for name, one in self._watched.items() if one.explanation is not None}

    def close(self) -> None:
        """Ends the polling; what is loaded stays."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _poll(self) -> None:
        while not self._closed.wait(self._poll_seconds):
            try:
                self.poll_once()
            except Exception:  # one bad poll must not end them all
                logger.exception("polling failed")

    def _poll_model(self, name: str) -> None:
        watched = self._watched[name]
        try:
            versions = list_versions(watched.folder)
        except LightshipError as error:
            self._explain(name, watched, explain_model_folder(watched.folder) or error.message)
            self._manager.expect(name, watched.explanation or "")
            return
        if versions:
            self._explain(name, watched, None)
            newest = max(versions)
            self._manager.aspire(name, {newest: versions[newest]})
        else:
            self._explain(name, watched, explain_model_folder(watched.folder))
            self._manager.aspire(name, {}, watched.explanation or "")

    def _explain(self, name: str, watched: _Watched, explanation: str | None) -> None:
        """Remembers it, and logs it when it is another than at the last poll."""
        with self._lock:
            known, watched.explanation = watched.explanation, explanation
        if explanation is not None and explanation != known:
            logger.warning("no version of %s: %s", name, explanation, extra={"model": name})
