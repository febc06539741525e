"""Real servers of object stores, as processes that can be stopped and started again at the same address."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.ports import free_port
from tests.npm_packages import installed
from tests.processes import freeze
from tests.programs import program

DEADLINE = 60.0
# The only account that Azurite has, and its key, which Microsoft's documentation gives.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_WRONG_KEY = "d3JvbmcgYW5kIHNlY3JldCBrZXkgb2YgYSBzdG9yZQ=="
_MOTO = Path(sys.executable).with_name("moto_server")
_GOOGLE = Path(sys.executable).with_name("gcp-storage-emulator")


class StoreServer:
    """A server of an object store in a process of its own. `scheme`: of its URLs.

    `stop` and `start` let it go down and come back at the same port.
    """

    scheme = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        return self._process is not None

    def command(self) -> list[str]:
        """Returns the command that starts the server."""
        raise NotImplementedError

    def environment(self, *, wrong_key: bool = False) -> dict[str, str]:
        """Returns the variables from which the store's own tools take its address and the credentials."""
        raise NotImplementedError

    def file_system(self) -> Any:
        """Returns an fsspec file system of this server, with the right credentials."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self.folder, env=self._own_environment()
            )
        end = time.monotonic() + DEADLINE
        while not _listens(self.port):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the server: connections to it are refused from now on."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()  # Azurite then saves what it holds
            try:
                process.wait(DEADLINE)
            finally:
                process.kill()
                process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Lets the server take connections, and answer nothing, until the block ends."""
        assert self._process is not None, "it runs"
        freeze(self._process.pid)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def make_bucket(self, name: str) -> None:
        """Makes a bucket, or what the store calls so."""
        raise NotImplementedError

    def upload(self, version: Path, place: str) -> None:
        """Uploads a version folder, its manifest last. place: without the scheme, such as bucket/models/dog/1."""
        system = self.file_system()
        files = sorted(file for file in version.rglob("*") if file.is_file())
        for file in sorted(files, key=lambda file: file.name == "lightship.json"):
            system.pipe_file(f"{place}/{file.relative_to(version).as_posix()}", file.read_bytes())

    def _own_environment(self) -> dict[str, str]:
        return dict(os.environ)


class S3Server(StoreServer):
    """moto's S3 server, which asks for credentials. It forgets what it holds when it stops."""

    scheme = "s3"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keys = ("", "")

    def command(self) -> list[str]:
        return [str(_MOTO), "-H", "127.0.0.1", "-p", str(self.port)]

    def _own_environment(self) -> dict[str, str]:
        return {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "3"}  # those that make a user with a key

    def start(self) -> None:
        super().start()
        self.keys = self._made_keys()

    def _made_keys(self) -> tuple[str, str]:
        import botocore.session

        client = botocore.session.get_session().create_client(
            "iam", "us-east-1", endpoint_url=self.address, aws_access_key_id="first", aws_secret_access_key="first"
        )
        allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        client.create_user(UserName="test")
        client.put_user_policy(UserName="test", PolicyName="all", PolicyDocument=json.dumps(allowed))
        made = client.create_access_key(UserName="test")["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def environment(self, *, wrong_key: bool = False) -> dict[str, str]:
        key, secret = self.keys
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": _WRONG_KEY if wrong_key else secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def file_system(self) -> Any:
        import s3fs

        key, secret = self.keys
        client = {"endpoint_url": self.address, "region_name": "us-east-1"}
        return s3fs.S3FileSystem(
            key=key, secret=secret, client_kwargs=client, skip_instance_cache=True, use_listings_cache=False
        )

    def make_bucket(self, name: str) -> None:
        self.file_system().call_s3("create_bucket", Bucket=name)


class GoogleServer(StoreServer):
    """An emulator of Google Cloud Storage. It takes any credentials."""

    scheme = "gs"

    def command(self) -> list[str]:
        return [str(_GOOGLE), "start", "-H", "127.0.0.1", "--port", str(self.port), "--quiet"]

    def environment(self, *, wrong_key: bool = False) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.address}

    def file_system(self) -> Any:
        import gcsfs  # type: ignore[import-untyped]

        return gcsfs.core.GCSFileSystem(  # the other class asks over gRPC, which the emulator does not have
            endpoint_url=self.address, token="anon", skip_instance_cache=True, use_listings_cache=False
        )

    def make_bucket(self, name: str) -> None:
        request = urllib.request.Request(
            f"{self.address}/storage/v1/b?project=test",
            json.dumps({"name": name}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=DEADLINE).read()


class AzureServer(StoreServer):
    """Azurite, Microsoft's own emulator of Azure Blob Storage. It checks the signatures of all requests."""

    scheme = "az"

    def command(self) -> list[str]:
        packages = installed(Path(__file__).parent / "azurite")
        script = packages / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        places = ["--location", str(self.folder / "data"), "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        return [program("node"), str(script), *places, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]

    def connection(self, *, wrong_key: bool = False) -> str:
        key = _WRONG_KEY if wrong_key else AZURE_KEY
        place = f"BlobEndpoint={self.address}/{AZURE_ACCOUNT}"
        return f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={key};{place};"

    def environment(self, *, wrong_key: bool = False) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection(wrong_key=wrong_key)}

    def file_system(self) -> Any:
        import adlfs  # type: ignore[import-untyped]

        return adlfs.AzureBlobFileSystem(
            connection_string=self.connection(), skip_instance_cache=True, use_listings_cache=False
        )

    def make_bucket(self, name: str) -> None:
        self.file_system().mkdir(name)


@contextmanager
def running(server: StoreServer) -> Iterator[StoreServer]:
    """Starts a server, and ends it at the end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """Returns the parts of an environment that no message may have."""
    secret = environment.get("AWS_SECRET_ACCESS_KEY", "")
    connection = environment.get("AZURE_STORAGE_CONNECTION_STRING", "")
    found = [part.partition("=")[2] for part in connection.split(";") if part.startswith("AccountKey=")]
    return [text for text in [secret, *found] if text]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
