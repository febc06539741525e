"""The HTTP clients that people use, each from a process or a session of its own, against one server."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests

from lightship.server import Server, serve

SMALL = '{"instances": [1.0, 2.0]}'
SMALL_ANSWER = {"predictions": [2.5, 3.0]}
COUNT = 400_000
LARGE = '{"instances": [' + ", ".join(["1.0"] * COUNT) + "]}"  # 2 MB: curl asks before it sends as much


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", rest_port="auto", cors=True) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return f"{server.rest_url}/v1/models/m"


def program(name: str) -> str:
    """Where a program is; without it the test is skipped, but for CI."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs {name}")
        pytest.skip(f"there is no {name}")
    return found


def output(*command: str, text: str = "") -> str:
    """What a program writes; it must end well."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(*arguments: str, body: str = "") -> str:
    return output(program("curl"), "--silent", "--show-error", "--max-time", "50", *arguments, text=body)


def test_curl_posts_as_a_form_unless_told_otherwise(url: str) -> None:
    assert json.loads(curl("-d", SMALL, f"{url}:predict")) == SMALL_ANSWER


@pytest.mark.parametrize("option", ["--http1.0", "--http1.1", "--http2", "--compressed", "--tcp-nodelay"])
def test_curl_speaks_every_version(url: str, option: str) -> None:
    """What asks for HTTP/2 is answered in HTTP/1.1, and what takes a compressed answer gets a plain one."""
    answer = curl(option, "--include", "-d", SMALL, f"{url}:predict")
    assert "content-encoding" not in answer.lower()
    assert answer.endswith(json.dumps(SMALL_ANSWER["predictions"])[:-1] + "\n    ]\n}")


def test_curl_is_told_to_go_on_with_a_large_body(url: str) -> None:
    heads = curl(
        "--include", "--header", "Expect: 100-continue", "--data-binary", "@-", "--output", "/dev/null",
        "--dump-header", "-", f"{url}:predict", body=LARGE,
    )  # fmt: skip
    assert heads.startswith("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n")


def test_curl_sends_a_large_body_in_chunks(url: str) -> None:
    answer = curl("--header", "Transfer-Encoding: chunked", "--data-binary", "@-", f"{url}:predict", body=LARGE)
    assert json.loads(answer) == {"predictions": [2.5] * COUNT}


def test_curl_uses_a_connection_again(url: str) -> None:
    written = curl("--head", url, "--next", "--silent", "--write-out", "%{num_connects}", "-d", SMALL, f"{url}:predict")
    assert written.startswith("HTTP/1.1 400 Bad Request\n")
    assert written.endswith("]\n}0")


def test_requests_keeps_its_connection(url: str) -> None:
    with requests.Session() as session:
        assert session.post(f"{url}:predict", data=SMALL, timeout=30).json() == SMALL_ANSWER
        assert session.post(f"{url}:predict", json={"inputs": 1}, timeout=30).json() == {"outputs": 2.5}
        assert session.get(f"{url}/versions/9", timeout=30).status_code == 404
        assert session.head(url, timeout=30).content == b""
        chunks = (piece.encode() for piece in (SMALL[:7], SMALL[7:]))
        assert session.post(f"{url}:predict", data=chunks, timeout=30).json() == SMALL_ANSWER
        packed = gzip.compress(SMALL.encode())
        answer = session.post(f"{url}:predict", data=packed, headers={"Content-Encoding": "gzip"}, timeout=30)
        assert answer.json() == SMALL_ANSWER
        large = session.post(f"{url}:predict", data=LARGE, timeout=60).json()
    assert large == {"predictions": [2.5] * COUNT}


def test_httpx_keeps_its_connection(url: str) -> None:
    with httpx.Client(timeout=60) as client:
        first = client.post(f"{url}:predict", content=SMALL)
        again = client.post(f"{url}:predict", content=iter([SMALL.encode()]))
        assert first.json() == again.json() == SMALL_ANSWER
        assert first.extensions["network_stream"] is again.extensions["network_stream"]
        assert client.options(url, headers={"Origin": "https://example.org"}).content == b""
        assert client.post(f"{url}:predict", content=LARGE).json() == {"predictions": [2.5] * COUNT}


FETCH = """
(async () => {
  const [url, body] = process.argv.slice(1);
  const answers = await Promise.all(Array.from({ length: 20 }, async () => {
    const answer = await fetch(`${url}:predict`, { method: "POST", body });
    return [answer.status, await answer.json()];
  }));
  const missing = await fetch(`${url}/versions/9`);
  answers.push([missing.status, await missing.json()]);
  console.log(JSON.stringify(answers));
})();
"""

AGENT = """
const http = require("node:http");
const [url, body] = process.argv.slice(1);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = () => new Promise((resolve, reject) => {
  const request = http.request(`${url}:predict`, { method: "POST", agent }, (answer) => {
    let text = "";
    answer.on("data", (data) => { text += data; });
    answer.on("end", () => resolve([request.reusedSocket, JSON.parse(text)]));
  });
  request.on("error", reject);
  request.end(body);
});
(async () => {
  const answers = [];
  for (let i = 0; i < 5; i += 1) answers.push(await ask());
  console.log(JSON.stringify(answers));
  agent.destroy();
})();
"""


def test_nodes_fetch_is_answered(url: str) -> None:
    *answers, missing = json.loads(output(program("node"), "-e", FETCH, url, SMALL))
    assert answers == [[200, SMALL_ANSWER]] * 20
    assert missing == [404, {"error": "Could not find version 9 of model m"}]


def test_nodes_agent_keeps_its_connection(url: str) -> None:
    answers = json.loads(output(program("node"), "-e", AGENT, url, SMALL))
    assert answers == [[False, SMALL_ANSWER]] + [[True, SMALL_ANSWER]] * 4


def test_a_load_generator_of_http_1_0_keeps_its_connection(server: Server) -> None:
    """As `ab -k` does: it reads what Content-Length says, and goes on only if told that the connection stays."""
    head = f"POST /v1/models/m:predict HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: {len(SMALL)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as connection:
        stream = connection.makefile("rb")
        for _ in range(20):
            connection.sendall((head + SMALL).encode())
            lines = list(iter(stream.readline, b"\r\n"))
            fields = dict(line.strip().lower().split(b": ", 1) for line in lines[1:])
            assert lines[0].split()[1:] == [b"200", b"OK"]
            assert fields[b"connection"] == b"keep-alive"
            assert json.loads(stream.read(int(fields[b"content-length"]))) == SMALL_ANSWER
        stream.close()
