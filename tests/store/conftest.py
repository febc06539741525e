"""A real S3 server in this process, which can be stopped and started again, and models to put there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import botocore.session
import httpx2
import pytest
from benchmarks.ports import free_port
from moto.server import ThreadedMotoServer

from lightship.bundle.manifest import MANIFEST_FILE, Manifest
from lightship.saved_model.digests import FileDigest

BUCKET = "models"
KEY, SECRET = "testing", "a-secret-that-nobody-may-see"


@dataclass
class S3:
    """An S3 server. Its objects stay when it is stopped."""

    port: int
    server: ThreadedMotoServer = field(init=False)
    client: Any = field(init=False)

    def start(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> None:
        self.client = botocore.session.get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def upload(self, folder: Path, prefix: str) -> None:
        """Puts all files of a folder below a prefix."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())

    def keys(self, prefix: str) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in listed.get("Contents", [])]

    def remove(self, prefix: str) -> None:
        for key in self.keys(prefix):
            self.client.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An S3 server with an empty bucket. The environment has its address and keys."""
    made = S3(free_port())
    made.start()
    httpx2.post(f"{made.url}/moto-api/reset", timeout=60)
    for name, value in {
        "AWS_ENDPOINT_URL": made.url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    made.connect()
    made.client.create_bucket(Bucket=BUCKET)
    yield made
    made.stop()


@pytest.fixture
def version(half_plus_two: Path) -> Path:
    """A version without a manifest: y = 0.5 x + 2."""
    return half_plus_two / "123"


@pytest.fixture
def with_manifest(version: Path, tmp_path: Path) -> Path:
    """The same version with a manifest of its files."""
    folder = tmp_path / "with-manifest"
    names = [file.relative_to(version).as_posix() for file in version.rglob("*") if file.is_file()]
    contents = {name: (version / name).read_bytes() for name in names}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    files = {name: FileDigest(len(content), sha256(content).hexdigest()) for name, content in contents.items()}
    manifest = Manifest(created="2026-11-28T00:00:00Z", frameworks={}, files=files)
    (folder / MANIFEST_FILE).parent.mkdir(parents=True)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest.to_json()))
    return folder
