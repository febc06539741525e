"""A registry with one tiny image for several platforms, for engines to pull from."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TYPE = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@contextlib.contextmanager
def serving(platforms: Sequence[str], *, broken: bool = False) -> Iterator[str]:
    """The name of the image, `127.0.0.1:PORT/tiny:1`. broken: its layers have other contents than their digests say."""
    answers: dict[str, tuple[str, bytes]] = {}
    manifests = [_image(answers, platform, broken) for platform in platforms]
    whole = json.dumps({"schemaVersion": 2, "mediaType": LIST, "manifests": manifests}).encode()
    answers["manifests/1"] = answers[f"manifests/{_digest(whole)}"] = (LIST, whole)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/tiny:1"
        finally:
            server.shutdown()
            thread.join()


def _image(answers: dict[str, tuple[str, bytes]], platform: str, broken: bool) -> dict[str, Any]:
    """Puts the image's parts among the answers, and returns what a list of manifests says of it."""
    system, architecture = platform.split("/")
    tar = _layer(architecture)
    packed = gzip.compress(tar, mtime=0)
    root = {"type": "layers", "diff_ids": [_digest(tar)]}
    config = json.dumps({"os": system, "architecture": architecture, "config": {}, "rootfs": root}).encode()
    parts = [(CONFIG, config), (LAYER, packed)]
    described = [{"mediaType": kind, "size": len(data), "digest": _digest(data)} for kind, data in parts]
    fields = {"schemaVersion": 2, "mediaType": TYPE, "config": described[0], "layers": described[1:]}
    manifest = json.dumps(fields).encode()
    answers[f"manifests/{_digest(manifest)}"] = (TYPE, manifest)
    answers[f"blobs/{_digest(config)}"] = (CONFIG, config)
    answers[f"blobs/{_digest(packed)}"] = (LAYER, bytes(len(packed)) if broken else packed)
    there = {"os": system, "architecture": architecture}
    return {"mediaType": TYPE, "size": len(manifest), "digest": _digest(manifest), "platform": there}


def _layer(architecture: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("architecture")
        entry.size = len(architecture)
        tar.addfile(entry, io.BytesIO(architecture.encode()))
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _handler(answers: dict[str, tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, body = answers.get(self.path.removeprefix("/v2/tiny/"), ("text/plain", b""))
            self.send_response(200 if body or self.path == "/v2/" else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if body:
                self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *arguments: object) -> None: ...

    return Handler
