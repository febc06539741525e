"""How a server looks in an interpreter and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.state import State
from lightship.printable import printable


@dataclass(frozen=True, slots=True)
class ServerView:
    """What is shown of a server."""

    # "not started", "stopped", or empty while it runs.
    state: str
    # Where it answers: http://..., grpc://..., grpc+unix://...
    addresses: tuple[str, ...]
    # What each model does, by its name; empty if the server does not run.
    models: Mapping[str, str]


def model_states(manager: Manager) -> dict[str, str]:
    """Returns for each model its loaded versions, or why none is loaded."""
    reasons = manager.not_ready()
    return {name: _state(manager, name, reasons.get(name)) for name in manager.models()}


def server_text(shown: ServerView) -> str:
    """Returns the text for an interpreter, in one line."""
    models = ", ".join(f"{name} ({state})" if state else name for name, state in shown.models.items())
    where = " ".join(shown.addresses) or shown.state
    return printable(f"<Server {where}: {models or 'no models'}>")


def server_html(shown: ServerView) -> str:
    """Returns the table for a notebook, with a link to the page on which calls can be tried."""
    from lightship import notebook

    places = [notebook.link(f"{url}/docs" if url.startswith("http") else url) for url in shown.addresses]
    title = notebook.Markup(f"Lightship server {' &middot; '.join(places) or notebook.text(shown.state)}")
    return notebook.table(title, shown.models.items(), ["model", "state"])


def _state(manager: Manager, name: str, reason: str | None) -> str:
    if reason is not None:
        return f"not ready: {reason}"
    loaded = [str(status.version) for status in manager.versions(name) if status.state is State.AVAILABLE]
    return f"version {', '.join(loaded)}"
