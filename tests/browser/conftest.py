"""Debian's chromium without a window, spoken to by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.npm_packages import installed
from websockets.sync.client import ClientConnection, connect

DEADLINE = 60.0  # seconds for anything a page does
LOOKS = (
    ("desktop", 1280, 900, "light"),
    ("dark desktop", 1280, 900, "dark"),
    ("phone", 360, 780, "light"),
    ("dark phone", 360, 780, "dark"),
)
FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--remote-debugging-port=0", "--remote-allow-origins=*"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a camera
)


class Navigated(Exception):
    """The page went to another address while a script ran on it."""


class Page:
    """One tab. `problems`: errors of its console and network; `asked`: every URL it asked; `events`: their names."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._count = 0
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.events: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> Any:
        self._count += 1
        self._connection.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=DEADLINE))
            if message.get("id") == self._count:
                error = message.get("error", {}).get("message", "")
                if "navigated" in error or "context was destroyed" in error:
                    raise Navigated(error)
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def open(self, url: str) -> None:
        self.command("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression, awaited."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Waits until an expression is true; its value, `true` for an element. The page may go elsewhere meanwhile."""
        end = time.monotonic() + DEADLINE
        while True:
            with suppress(Navigated):
                if value := self.run(f"(found => found instanceof Node || found)({condition})"):
                    return value
                assert time.monotonic() < end, f"{condition}: {self.run('document.body.innerText')}"
                self.run("new Promise((done) => setTimeout(done, 50))")

    def wait_event(self, method: str) -> None:
        """Waits until the browser has reported an event."""
        end = time.monotonic() + DEADLINE
        while method not in self.events:
            assert time.monotonic() < end, f"{method} did not come"
            self.run("new Promise((done) => setTimeout(done, 50))")

    def choose_files(self, selector: str, *files: Path) -> None:
        root = self.command("DOM.getDocument")["root"]["nodeId"]
        node = self.command("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.command("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def drop(self, x: int, y: int, *files: Path) -> None:
        """Drags files over the page and lets them go, as a file manager does."""
        for kind in ("dragEnter", "dragOver", "drop"):
            data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
            self.command("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def press(self, key: str, code: int, text: str = "", **more: Any) -> None:
        for kind in ("keyDown", "keyUp"):
            self.command(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text, **more
            )

    def look(self, width: int, height: int, scheme: str) -> None:
        """The window's size and the user's wish for light or dark; nothing moves."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.command("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, file: Path) -> None:
        data = self.command("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message["method"], message["params"]
        self.events.append(method)
        if method == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown" or (
            method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert")
        ):
            self.problems.append(json.dumps(parameters))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        reason = "no chromium here: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running(program, tmp_path_factory.mktemp("chromium")) as address:
        yield address


@contextmanager
def running(program: str, profile: Path) -> Iterator[str]:
    """The address of a browser that runs while the block runs."""
    command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield _address(process, profile / "DevToolsActivePort")
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes], file: Path) -> str:
    """The browser writes its port into that file once it listens."""
    end = time.monotonic() + DEADLINE
    while not (file.exists() and file.read_text().count("\n")):
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        assert time.monotonic() < end, "chromium does not listen"
        time.sleep(0.05)
    return f"127.0.0.1:{file.read_text().splitlines()[0]}"


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with tab_of(chromium) as page:
        yield page


@contextmanager
def tab_of(chromium: str) -> Iterator[Page]:
    """A new tab of a browser, which is closed at the end."""
    tab = httpx2.put(f"http://{chromium}/json/new?about:blank", timeout=DEADLINE).json()
    with connect(tab["webSocketDebuggerUrl"], max_size=None, open_timeout=DEADLINE) as connection:
        yield Page(connection)
    httpx2.put(f"http://{chromium}/json/close/{tab['id']}", timeout=DEADLINE)


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which checks how accessible a page is."""
    return (installed(Path(__file__).parent / "axe") / "node_modules/axe-core/axe.min.js").read_text()


def check_accessible(page: Page, axe: str, folder: Path, name: str) -> None:
    """The page fits on a phone and a desktop, and axe-core finds nothing, in light and dark. Leaves pictures of it."""
    for look, width, height, scheme in LOOKS:
        page.look(width, height, scheme)
        page.run(FRAME)
        assert page.run("document.documentElement.scrollWidth") <= width, f"{name} is wider than a {look}"
        page.screenshot(folder / f"{name}-{look}.png")
        page.run(f"void (window.axe || (() => {{ {axe} }})())")
        found = page.run(
            "axe.run().then(({ violations }) => violations.map((one) =>"
            " `${one.id}: ${one.nodes.map((node) => node.html + node.failureSummary).join()}`))"
        )
        assert not found, f"{name}, {look}: {found}"
    page.look(*LOOKS[0][1:])


@contextmanager
def opened_docs(page: Page, url: str, models: int) -> Iterator[Page]:
    """The page /docs of a server, open; at the end nothing may have been complained of, and nobody else asked."""
    page.look(1200, 900, "light")
    page.open(f"{url}/docs")
    page.wait(f"document.querySelectorAll('#models a').length === {models}")
    with asking_nobody_else(page, url):
        yield page


@contextmanager
def asking_nobody_else(page: Page, url: str) -> Iterator[None]:
    """At the end the browser may not have complained of anything, and asked only the server with this URL."""
    yield
    page.run("1")  # what came until now is noted
    assert page.problems == []
    assert {asked for asked in page.asked if not asked.startswith((url, "data:", "blob:"))} == set()
