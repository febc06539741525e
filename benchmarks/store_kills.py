"""Kills a server with SIGKILL at random moments of downloads and reloads from a real S3 server, and looks what is left.

After each kill the server is started again, sometimes while the store is down. The last good version must answer, every
version in the cache must be what was uploaded, and the cache must be within its bound.

    python -m benchmarks.store_kills tests/models/half_plus_two/123 --kills 100
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.ports import free_port

BUCKET = "models"
PADDING = 6 << 20  # bytes in each version, so that a download takes a while
MAX_VERSIONS = 3  # that fit into the cache
# The moments of the kills are in so many seconds after a start, and after the first file of a version. If a kill that
# was to hit a copy comes too late, the copies of this machine are quicker: later kills have half the time.
START_SECONDS, COPY_SECONDS, LOAD_SECONDS = 3.0, 0.2, 2.0
DEADLINE = 120.0
_KEY = "benchmark"
_MANIFEST = "assets.extra/lightship.json"


class Failure(Exception):
    """A killed server left what it must not, or does not answer as it should."""


@dataclass
class Store:
    """A real S3 server in this process, which keeps its objects while it is down."""

    port: int = field(default_factory=free_port)
    server: Any = None
    # The digest of each object of each version that was uploaded, also of those that were deleted.
    uploaded: dict[int, dict[str, str]] = field(default_factory=dict)
    # The versions that are complete in the store.
    complete: set[int] = field(default_factory=set)

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def client(self) -> Any:
        import botocore.session

        return botocore.session.get_session().create_client(
            "s3", "us-east-1", endpoint_url=self.url, aws_access_key_id=_KEY, aws_secret_access_key=_KEY
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def upload(self, number: int, files: dict[str, bytes]) -> None:
        client = self.client()
        self.uploaded[number] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        for name, content in files.items():
            client.put_object(Bucket=BUCKET, Key=f"toy/{number}/{name}", Body=content)
        self.complete.add(number)

    def remove(self, number: int) -> None:
        self.complete.discard(number)
        client = self.client()
        for name in self.uploaded[number]:
            client.delete_object(Bucket=BUCKET, Key=f"toy/{number}/{name}")


@dataclass
class Served:
    """A server in a process of its own, and the versions that have answered."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    answered: set[int] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)

    def ask_on(self) -> None:
        """Asks without pause until the server is killed."""
        while not self.ended.is_set():
            with suppress(OSError, http.client.HTTPException):  # it does not listen yet, or was killed just now
                self._ask()
            self.ended.wait(0.02)

    def _ask(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("POST", "/v1/models/toy:predict", b'{"instances": [1.0]}')
            answer = connection.getresponse()
            body = answer.read()
        if answer.status == 200:
            if json.loads(body) != {"predictions": [2.5]}:
                self.wrong.append(body.decode())
            self.answered.add(int(answer.headers["Lightship-Model-Version"]))

    def await_answer(self, which: Callable[[set[int]], bool], what: str) -> None:
        end = time.monotonic() + DEADLINE
        while not which(self.answered):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failure(f"{what}; answered: {sorted(self.answered)}\n{self.log.read_text()[-6000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Kills:
    """Kills servers at random moments. model: a version of y = 0.5 x + 2. folder: an empty one."""

    def __init__(self, model: Path, folder: Path, seed: int) -> None:
        self._files = {f.relative_to(model).as_posix(): f.read_bytes() for f in model.rglob("*") if f.is_file()}
        self._folder, self._chance = folder, random.Random(seed)
        # Each version differs from the last ones; the compiled models of four are found in the cache of these.
        self._paddings = [self._chance.randbytes(PADDING) for _ in range(4)]
        self.cache = folder / "cache"
        self.bound = MAX_VERSIONS * (PADDING + sum(map(len, self._files.values()))) + (1 << 20)
        self.store = Store()
        self.number = 0
        self._copy_seconds = COPY_SECONDS
        # The newest version that has answered.
        self.good = 0
        self.counts: Counter[str] = Counter()

    def run(self, kills: int, tell: Callable[[str], None] = lambda line: None) -> Counter[str]:
        """Returns how often what was seen. Raises Failure."""
        self.store.start()
        try:
            self.store.client().create_bucket(Bucket=BUCKET)
            self._publish()
            for done in range(kills):
                self._kill()
                self._check_cache()
                tell(f"{done + 1}: version {self.good} of {self.number} is good; {dict(self.counts)}")
            with self._served() as served:
                self._await_good(served)
            self._check_cache()
        finally:
            self.store.stop()
        return self.counts

    def _publish(self) -> None:
        """Uploads a version, with a manifest or without; some older ones are deleted then."""
        self.number += 1
        files = {"assets/padding": self._paddings[self.number % len(self._paddings)], **self._files}
        if self.number % 2:
            files[_MANIFEST] = _manifest(files)
        self.store.upload(self.number, files)
        for old in sorted(self.store.complete)[:-2]:
            self.store.remove(old)

    def _kill(self) -> None:
        """Starts a server and kills it: at once, or while it copies and loads a version after it has answered."""
        if self._chance.random() < 0.25:
            if self._chance.random() < 0.7:
                self._publish()
            with self._served() as served:
                time.sleep(self._chance.uniform(0, START_SECONDS))
                self._killed(served, "kills of starts")
            return
        down = self.good > 0 and self._chance.random() < 0.4
        if down:
            self.store.stop()
            self.counts["starts without the store"] += 1
        try:
            with self._served() as served:
                self._await_good(served)
                if down:
                    self.store.start()
                    down = False
                self._kill_copying(served)
        finally:
            if down:
                self.store.start()

    def _kill_copying(self, served: Served) -> None:
        copying = self._chance.random() < 0.5
        moment = self._chance.uniform(0, self._copy_seconds if copying else LOAD_SECONDS)
        number = self.number + 1
        published = threading.Thread(target=self._publish)
        published.start()
        end = time.monotonic() + DEADLINE
        while not any((self.cache / "partial").iterdir()) and number not in served.answered:
            if time.monotonic() > end:
                raise Failure(f"version {number} is not copied: {served.log.read_text()[-6000:]}")
            time.sleep(0.001)
        time.sleep(moment)
        before = self.counts["killed while copying"]
        self._killed(served, "kills of copies and loads")
        if copying and self.counts["killed while copying"] == before:
            self._copy_seconds /= 2
        published.join()

    def _killed(self, served: Served, kind: str) -> None:
        served.kill()
        partial = self.cache / "partial"
        self.counts[kind] += 1
        self.counts["killed while copying"] += int(partial.is_dir() and any(partial.iterdir()))
        newest = max(served.answered, default=0)
        self.counts["killed before the newest answered"] += int(newest < self.number)
        self.good = max(self.good, newest)

    def _await_good(self, served: Served) -> None:
        served.await_answer(bool, f"version {self.good} must answer")
        if min(served.answered) < self.good:
            raise Failure(
                f"version {min(served.answered)} answers, and {self.good} did: {served.log.read_text()[-6000:]}"
            )
        if served.wrong:
            raise Failure(f"wrong answers: {served.wrong}")

    def _check_cache(self) -> None:
        """Raises Failure if a version in the cache is not what was uploaded, or the cache exceeds its bound."""
        size = 0
        for file in self.cache.rglob("*"):
            size += file.stat().st_size if file.is_file() and file.name != "entry.json" else 0
        if size > self.bound:
            raise Failure(f"the cache has {size} bytes instead of {self.bound} at most")
        for index in self.cache.glob("entries/*/entry.json"):
            number = json.loads(index.read_bytes())["number"]
            folder = index.parent / str(number)
            found = {
                f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
                for f in folder.rglob("*")
                if f.is_file()
            }
            wanted = self.store.uploaded[number]
            if _MANIFEST not in wanted:  # it may have been taken while it was uploaded slowly, and is then copied again
                wanted = {name: wanted[name] for name in wanted.keys() & found.keys()}
            if found != wanted:
                raise Failure(f"version {number} in the cache is not what was uploaded: {sorted(found)}")
            self.counts["versions looked at"] += 1

    @contextmanager
    def _served(self) -> Iterator[Served]:
        port, log = free_port(), self._folder / "log"
        options = {
            "rest-port": port,
            "grpc-port": 0,
            "store-poll-seconds": 0.2,
            "store-cache-dir": self.cache,
            "store-cache-bytes": self.bound,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", "lightship", "serve", f"toy=s3://{BUCKET}/toy", *words]
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.store.url,
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "LIGHTSHIP_SETTLE_SECONDS": "0.1",
        }
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        served = Served(process, port, log)
        asking = threading.Thread(target=served.ask_on)
        asking.start()
        try:
            yield served
        finally:
            served.ended.set()
            served.kill()
            asking.join()


def _manifest(files: dict[str, bytes]) -> bytes:
    from lightship.bundle.manifest import Manifest
    from lightship.saved_model.digests import FileDigest

    digests = {name: FileDigest(len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    manifest = Manifest(created="2026-11-28T00:00:00Z", frameworks={}, files=digests)
    return json.dumps(manifest.to_json()).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a version folder of y = 0.5 x + 2")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the server, too
    folder = Path(tempfile.mkdtemp(prefix="store-kills-"))
    try:
        print(dict(Kills(arguments.model, folder, arguments.seed).run(arguments.kills, print)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
