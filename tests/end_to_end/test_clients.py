"""The HTTP clients that people use, each from a process or a session of its own, against one server."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
from tests.programs import program

from lightship.server import Server, serve

SMALL = '{"instances": [1.0, 2.0]}'
SMALL_ANSWER = {"predictions": [2.5, 3.0]}
STATUS = {
    "model_version_status": [
        {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
}
MISSING = {"error": "Could not find version 9 of model m"}
COUNT = 400_000
LARGE = '{"instances": [' + ", ".join(["1.0"] * COUNT) + "]}"  # 2 MB: curl asks before it sends as much


@pytest.fixture(scope="module")
def server(half_plus_two: Path, dog_bundle: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", f"dog={dog_bundle}", rest_port="auto", cors=True) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return f"{server.rest_url}/v1/models/m"


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


def test_curl_asks_by_itself_before_it_sends_a_large_body(url: str, tmp_path: Path) -> None:
    (tmp_path / "body").write_text(LARGE)
    heads = curl("--data-binary", f"@{tmp_path}/body", "--output", "/dev/null", "--dump-header", "-", f"{url}:predict")
    assert heads.startswith("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n")


def test_curl_sends_a_large_body_in_chunks(url: str) -> None:
    answer = curl("--header", "Transfer-Encoding: chunked", "--data-binary", "@-", f"{url}:predict", body=LARGE)
    assert json.loads(answer) == {"predictions": [2.5] * COUNT}


def test_curl_uses_a_connection_again(url: str) -> None:
    written = curl("--head", url, "--next", "--silent", "--write-out", "%{num_connects}", "-d", SMALL, f"{url}:predict")
    assert written.startswith("HTTP/1.1 400 Bad Request\n")
    assert written.endswith("]\n}0")


def test_curl_gets_several_urls_on_one_connection(url: str) -> None:
    mark = "\x1f"
    written = curl("--write-out", f"{mark}%{{http_code}} %{{num_connects}}{mark}", url, f"{url}/versions/9")
    status, first, missing, second, _ = written.split(mark)
    assert (json.loads(status), first) == (STATUS, "200 1")
    assert (json.loads(missing), second) == (MISSING, "404 0")


def test_requests_keeps_its_connection(url: str) -> None:
    with requests.Session() as session:
        assert session.post(f"{url}:predict", data=SMALL, timeout=60).json() == SMALL_ANSWER
        assert session.post(f"{url}:predict", json={"inputs": 1}, timeout=60).json() == {"outputs": 2.5}
        assert session.get(url, timeout=60).json() == STATUS
        missing = session.get(f"{url}/versions/9", timeout=60)
        assert (missing.status_code, missing.json()) == (404, MISSING)
        assert session.head(url, timeout=60).content == b""
        chunks = (piece.encode() for piece in (SMALL[:7], SMALL[7:]))
        assert session.post(f"{url}:predict", data=chunks, timeout=60).json() == SMALL_ANSWER
        packed = gzip.compress(SMALL.encode())
        answer = session.post(f"{url}:predict", data=packed, headers={"Content-Encoding": "gzip"}, timeout=60)
        assert answer.json() == SMALL_ANSWER
        large = session.post(f"{url}:predict", data=LARGE, timeout=60).json()
        adapter = session.get_adapter(url)
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        pools = adapter.poolmanager.pools
        assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - it does not iterate
    assert large == {"predictions": [2.5] * COUNT}


def test_httpx_keeps_its_connection(url: str) -> None:
    with httpx.Client(timeout=60) as client:
        first = client.post(f"{url}:predict", content=SMALL)
        again = client.post(f"{url}:predict", content=iter([SMALL.encode()]))
        assert first.json() == again.json() == SMALL_ANSWER
        assert first.extensions["network_stream"] is again.extensions["network_stream"]
        packed = gzip.compress(SMALL.encode())
        answer = client.post(f"{url}:predict", content=packed, headers={"Content-Encoding": "gzip"})
        assert answer.json() == SMALL_ANSWER
        assert client.get(url).json() == STATUS
        missing = client.get(f"{url}/versions/9")
        assert (missing.status_code, missing.json()) == (404, MISSING)
        assert missing.extensions["network_stream"] is first.extensions["network_stream"]
        assert client.options(url, headers={"Origin": "https://example.org"}).content == b""
        assert client.post(f"{url}:predict", content=LARGE).json() == {"predictions": [2.5] * COUNT}


def test_requests_and_httpx_send_a_photo(server: Server, dog_photo: Path) -> None:
    url, kind = f"{server.rest_url}/v1/models/dog:predict?top=1", {"Content-Type": "image/jpeg"}
    with dog_photo.open("rb") as file:
        by_requests = requests.post(url, data=file, headers=kind, timeout=60).json()
    by_httpx = httpx.post(url, content=dog_photo.read_bytes(), headers=kind, timeout=60).json()
    assert by_requests == by_httpx
    (best,) = by_requests["predictions"]
    assert best["labels"] == ["bull_mastiff"]


FETCH = """
(async () => {
  const [url, body] = process.argv.slice(1);
  const answers = await Promise.all(Array.from({ length: 20 }, async () => {
    const answer = await fetch(`${url}:predict`, { method: "POST", body });
    return [answer.status, await answer.json()];
  }));
  for (const path of ["", "/versions/9"]) {
    const answer = await fetch(url + path);
    answers.push([answer.status, await answer.json()]);
  }
  console.log(JSON.stringify(answers));
})();
"""

AGENT = """
const http = require("node:http");
const [url, body] = process.argv.slice(1);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (method, path, sent) => new Promise((resolve, reject) => {
  const request = http.request(url + path, { method, agent }, (answer) => {
    let text = "";
    answer.on("data", (data) => { text += data; });
    answer.on("end", () => resolve([request.reusedSocket, answer.statusCode, JSON.parse(text)]));
  });
  request.on("error", reject);
  request.end(sent);
});
(async () => {
  const answers = [];
  for (let i = 0; i < 5; i += 1) answers.push(await ask("POST", ":predict", body));
  for (const path of ["", "/versions/9"]) answers.push(await ask("GET", path));
  console.log(JSON.stringify(answers));
  agent.destroy();
})();
"""


def test_nodes_fetch_is_answered(url: str) -> None:
    *answers, status, missing = json.loads(output(program("node"), "-e", FETCH, url, SMALL))
    assert answers == [[200, SMALL_ANSWER]] * 20
    assert status == [200, STATUS]
    assert missing == [404, MISSING]


def test_nodes_agent_keeps_its_connection(url: str) -> None:
    answers = json.loads(output(program("node"), "-e", AGENT, url, SMALL))
    first, again = [False, 200, SMALL_ANSWER], [True, 200, SMALL_ANSWER]
    assert answers == [first, *[again] * 4, [True, 200, STATUS], [True, 404, MISSING]]


def test_a_load_generator_of_http_1_0_keeps_its_connection(server: Server) -> None:
    """As `ab -k` does: it reads what Content-Length says, and goes on only if told that the connection stays."""
    head = f"POST /v1/models/m:predict HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: {len(SMALL)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
        stream = connection.makefile("rb")
        for _ in range(20):
            connection.sendall((head + SMALL).encode())
            lines = list(iter(stream.readline, b"\r\n"))
            fields = dict(line.strip().lower().split(b": ", 1) for line in lines[1:])
            assert lines[0].split()[1:] == [b"200", b"OK"]
            assert fields[b"connection"] == b"keep-alive"
            assert json.loads(stream.read(int(fields[b"content-length"]))) == SMALL_ANSWER
        stream.close()
