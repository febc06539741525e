"""Prints the banner of `lightship serve`: each model with its engine and URL, and a curl command to try."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lightship import __version__
from lightship.bundle.missing_image import tensors_only
from lightship.cli.example_call import example_call, model_url
from lightship.cli.failures import print_warning
from lightship.cli.output import print_json, print_text
from lightship.errors import LightshipError
from lightship.lifecycle import Manager, State

if TYPE_CHECKING:
    from lightship.server import Server

POLL_SECONDS = 0.2  # how often the thread checks whether the server is stopping
_PAUSE_SECONDS = 0.05  # between two checks of whether the object stores have answered


@dataclass(frozen=True, slots=True)
class AnnouncedModel:
    name: str
    version: int
    engine: str
    url: str
    example: str
    # What an operator should know, such as that photos are refused; mostly empty.
    note: str = ""
    # Whether it takes photos, and where its game is; empty if it has none.
    photos: bool = False
    quiz: str = ""


@contextmanager
def announced(server: Server, *, as_json: bool) -> Iterator[None]:
    """While the block runs, a thread prints the banner as soon as every model is loaded or failed.

    If the server is strict, it is printed only when every model is loaded: one that fails ends the server.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_announce, args=(server, as_json, stop), name="banner", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(1.0)


def _announce(server: Server, as_json: bool, stop: threading.Event) -> None:
    announceable = Manager.ready if server.options.strict else _settled
    while not (server.manager.wait(announceable, POLL_SECONDS) and server.has_looked()):
        if stop.wait(_PAUSE_SECONDS):
            return
    base = server.rest_url if server.rest_port else ""
    models = [model for name in server.manager.models() if (model := _served(server, base, name))]
    if base and server.options.quiz is not None:
        models = _with_games(models, server, server.options.quiz, base)
    if as_json:
        _print_json(server, base, models)
        return
    server.wait_ready(0)  # then all workers know it too
    for name, reason in server.manager.not_ready().items():
        print_warning(f"model {name} is not available: {reason}")
    _print_banner(_addresses(server, base), base, models)


def _settled(manager: Manager) -> bool:
    """Returns whether no model is still loading."""
    waiting = (State.START, State.LOADING)
    return not any(version.state in waiting for name in manager.not_ready() for version in manager.versions(name))


def _served(server: Server, base: str, name: str) -> AnnouncedModel | None:
    try:
        with server.manager.handle(name) as handle:
            servable = handle.servable
            url = model_url(base, name) if base else ""
            engine = servable.engine.engine_of("serving_default")
            example = example_call(servable.bundle, url) if base else ""
            note = tensors_only(servable.bundle)
            photos = bool(base) and servable.bundle.image is not None and servable.bundle.labels is not None
            return AnnouncedModel(name, servable.id.version, engine, url, example, note, photos)
    except LightshipError:
        return None


def _with_games(models: list[AnnouncedModel], server: Server, folder: Path, base: str) -> list[AnnouncedModel]:
    """Returns the models with the URLs of their games. Warns if none has a game, with the reason of one of them."""
    from lightship.services.quiz import Quiz

    quiz, reason, told = Quiz(folder, server.manager), "no model is served", []
    for model in models:
        try:
            game = quiz.game(model.name)
        except LightshipError as error:  # it was unloaded meanwhile
            reason = error.message
            continue
        reason = game.reason or reason
        told.append(replace(model, quiz=f"{base}/ui/{quote(model.name, safe='')}/quiz") if game.photos else model)
    if not any(model.quiz for model in told):
        print_warning(f"there is no game with the photos below {folder}: {reason}")
    return told


def _print_json(server: Server, base: str, models: list[AnnouncedModel]) -> None:
    fields: dict[str, Any] = {
        "ready": server.wait_ready(0),
        "url": base,
        "docs": f"{base}/docs" if base else "",
        "ui": f"{base}/ui" if base else "",
        "rest_port": server.rest_port,
        "grpc_port": server.grpc_port,
        "pid": os.getpid(),
        "models": [asdict(model) for model in models],
        "not_ready": server.manager.not_ready(),
    }
    print_json(fields)


def _addresses(server: Server, base: str) -> str:
    grpc = f"gRPC on {server.grpc_address}" if server.grpc_port else ""
    return ", ".join(filter(None, (base, grpc)))


def _print_banner(addresses: str, base: str, models: list[AnnouncedModel]) -> None:
    print_text(f"Lightship {__version__} serves {addresses}")
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        print_text(f"\n  {model.name:{width}}  version {model.version}  {model.engine}  {model.url}".rstrip())
        if model.example:
            print_text(f"  {model.example}")
        if model.note:
            print_text(f"  {model.note}")
    if base:
        print_text(f"\n  Try the models in a browser: {base}/docs")
        if any(model.photos for model in models):
            print_text(f"  See what they see in a photo: {base}/ui")
        for model in models:
            if model.quiz:
                print_text(f"  Play against {model.name}: {model.quiz}")
    print_text("\nPress Ctrl-C to stop; running requests are finished first.", flush=True)
