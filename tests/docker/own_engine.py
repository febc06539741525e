"""A Docker Engine of the tests' own: nothing of it is left behind, and the machine's own is not touched."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

START_SECONDS = 60
PROGRAMS = ("docker", "dockerd", "containerd", "runc", "ip", "iptables", "debootstrap")


@dataclass(frozen=True, slots=True)
class Engine:
    base_url: str  # unix:///...: what DOCKER_HOST says too
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """For programs that shall use this engine; the client's classic builder does without a plug-in."""
        return {**os.environ, "DOCKER_HOST": self.base_url, "DOCKER_BUILDKIT": "0"}

    def client(self) -> docker.DockerClient:
        """To be closed by whoever asks for it."""
        return docker.DockerClient(base_url=self.base_url, timeout=300)

    def run(self, *command: str, input: bytes | None = None) -> str:
        """What a command of the `docker` client prints; an error with all its output if it fails."""
        done = subprocess.run(["docker", *command], env=self.environment, input=input, capture_output=True)
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-4000:]
        return done.stdout.decode()


def why_not() -> str | None:
    """Why this machine can have no engine, or None."""
    if sys.platform != "linux":
        return f"a Docker Engine of one's own needs Linux, not {sys.platform}"
    if os.geteuid() != 0:
        return "starting a Docker Engine of one's own needs root"
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    return (
        f"missing: {', '.join(missing)} (apt-get install docker.io debootstrap iproute2 iptables)" if missing else None
    )


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """Starts `dockerd` with all its data in a new folder. Raises RuntimeError with the end of its log."""
    folder = Path(tempfile.mkdtemp(prefix="lsd-", dir="/tmp"))  # a socket's path may have no more than 107 characters
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(unmount_below, folder)
        bridge = stack.enter_context(own_bridge())
        engine = Engine(f"unix://{folder}/docker.sock", folder)
        process = start(folder, *bridge)
        stack.callback(stop, process)
        wait_until_it_answers(engine, process)
        stack.callback(remove_everything, engine)
        yield engine


def start(folder: Path, bridge: str, pool: str) -> subprocess.Popen[bytes]:
    """The engine leaves the firewall alone: published ports go through its own proxy. It ends with us."""
    command = ["setpriv", "--pdeathsig", "TERM", "dockerd", "-H", f"unix://{folder}/docker.sock"]
    places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    network = ["--bridge", bridge, "--default-address-pool", pool, "--iptables=false", "--ip-masq=false"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([*command, *places, *network], stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def wait_until_it_answers(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(["docker", "info"], env=engine.environment, capture_output=True).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"dockerd does not answer:\n{(engine.folder / 'log').read_text()[-4000:]}")


def remove_everything(engine: Engine) -> None:
    with contextlib.closing(engine.client()) as client:
        for container in client.containers.list(all=True):
            container.remove(force=True, v=True)
        client.networks.prune()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


def unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True)


@contextlib.contextmanager
def own_bridge() -> Iterator[tuple[str, str]]:
    """A bridge that no other engine of the machine uses, and where the engine's further networks shall lie.

    Where another engine has the machine's firewall drop what is forwarded, one rule lets these networks through.
    """
    name, network = f"lsd{os.getpid()}", free_network()
    subnets = list(network.subnets(new_prefix=24))
    rule = ["FORWARD", "-s", str(network), "-d", str(network), "-j", "ACCEPT"]
    subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
    try:
        subprocess.run(["iptables", "-w", "-I", *rule], check=True)
        subprocess.run(["ip", "addr", "add", f"{subnets[0][1]}/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield name, f"base={list(network.subnets())[1]},size=24"
    finally:
        subprocess.run(["iptables", "-w", "-D", *rule], capture_output=True)
        subprocess.run(["ip", "link", "delete", name], capture_output=True)


def free_network() -> ipaddress.IPv4Network:
    """16 networks of 256 addresses to which no route of this machine leads."""
    routes = subprocess.check_output(["ip", "-4", "-o", "route"], text=True).splitlines()
    taken = [ipaddress.ip_network(line.split()[0], strict=False) for line in routes if line[0].isdigit()]
    start = os.getpid() % 4096  # engines that start at once try different ones first
    for number in (*range(start, 4096), *range(start)):
        candidate = ipaddress.IPv4Network((0x0A000000 + number * 4096, 20))
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise RuntimeError("every network of 10.0.0.0/8 has a route")
