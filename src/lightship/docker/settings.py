"""The settings of a container: checked before the engine is asked, stored in labels, compared at the next start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from lightship.docker.build_plan import MODELS, OUR_IMAGE
from lightship.docker.model_folder import checked_name
from lightship.docker.ports import DEFAULT_PORTS, REST, Port, parse_port
from lightship.errors import InvalidArgument, NotFound
from lightship.saved_model.versions import explain_model_folder, list_versions

SETTINGS_LABEL = "dev.lightship.started-with"
FOLDER_LABEL = "dev.lightship.folder"
DEFAULT_NAME = "lightship"
RESTARTS = ("no", "on-failure", "unless-stopped", "always")

_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_MIN_MEMORY = 6 << 20  # of the engine


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of a container."""

    name: str
    """Of the container."""

    image: str

    model: str
    """The name under which the server serves the model."""

    source: str
    """The absolute path of the mounted folder."""

    folder: str
    """The number of the mounted folder in its file system (its inode); empty if the engine is on another machine."""

    target: str
    """The path of the folder in the container."""

    version: int | None
    """The only version that is mounted; None for all."""

    ports: tuple[Port, ...]

    environment: tuple[tuple[str, str], ...]
    """Names and values, sorted."""

    arguments: tuple[str, ...]
    """Additional flags of the server."""

    restart: str
    """One of `RESTARTS`."""

    memory: int
    """Bytes; 0 for no limit."""

    cpus: float
    """0 for no limit."""

    def described(self, image_id: str) -> dict[str, str]:
        """Texts for each setting, to show and to compare. image_id: of the image that has this name now."""
        return {
            "image": f"{self.image} ({image_id.removeprefix('sha256:')[:12]})",
            "model": self.model,
            "mount": f"{self.source} at {self.target}",
            "ports": ", ".join(map(str, self.ports)),
            "environment": ", ".join(f"{key}={value}" for key, value in self.environment) or "none",
            "arguments": " ".join(self.arguments) or "none",
            "restart": self.restart,
            "memory": f"{self.memory} bytes" if self.memory else "no limit",
            "cpus": f"{self.cpus:g}" if self.cpus else "no limit",
        }

    def labels(self, image_id: str) -> dict[str, str]:
        """The labels of the container, from which `started_with` reads the settings."""
        return {
            SETTINGS_LABEL: json.dumps(self.described(image_id), sort_keys=True),
            "dev.lightship.model": self.model,
            FOLDER_LABEL: self.folder,
        }


def read_settings(
    model: str | Path,
    *,
    name: str = DEFAULT_NAME,
    model_name: str | None = None,
    image: str = OUR_IMAGE,
    publish: Sequence[str] = (),
    host: str = "127.0.0.1",
    pin_version: int | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    restart: str = "unless-stopped",
    memory: str | None = None,
    cpus: float | None = None,
    remote: bool = False,
) -> Settings:
    """Checks the settings as far as possible without an engine.

    remote: whether the folder is on another machine, the engine's. Raises NotFound for a folder without a version, with
    what it has instead, and InvalidArgument for other invalid settings.
    """
    folder = Path(model)
    if not remote:
        check_folder(folder, pin_version)
    served_as = checked_name(model_name or folder.resolve().name)
    if not _CONTAINER_NAME.fullmatch(name) or len(name) < 2:
        raise InvalidArgument(
            f"{name!r} is not a container name: give two or more of letters, digits and . _ -, a letter or digit first"
        )
    source, target = folder.absolute() if remote else folder.resolve(), f"{MODELS}/{served_as}"
    if pin_version is not None:
        source = source / str(pin_version) if remote else list_versions(folder)[pin_version].resolve()
        target = f"{target}/{pin_version}"
    return Settings(
        name=name,
        image=_checked_image(image),
        model=served_as,
        source=str(source),
        folder="" if remote else str(source.stat().st_ino),
        target=target,
        version=pin_version,
        ports=_ports(publish, host, remote),
        environment=_environment(environment or {}, served_as),
        arguments=tuple(arguments),
        restart=_checked_restart(restart),
        memory=_bytes(memory) if memory else 0,
        cpus=_checked_cpus(cpus),
    )


def check_folder(folder: Path, version: int | None) -> None:
    """Raises NotFound if the folder does not have the version, or any version for None; the text says what to do."""
    explanation = explain_model_folder(folder)
    if explanation:
        raise NotFound(explanation)
    there = list_versions(folder)
    if version is not None and version not in there:
        raise NotFound(f"{folder} has no version {version}: it has {', '.join(map(str, sorted(there)))}")


def difference(running: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The settings that differ, one line each: `ports: 127.0.0.1:8501:8501 -> 127.0.0.1:9000:8501`."""
    return [
        f"{key}: {running.get(key, 'unknown')} -> {value}" for key, value in wanted.items() if running.get(key) != value
    ]


def started_with(labels: Mapping[str, str]) -> dict[str, str] | None:
    """The settings in a container's labels; None if Lightship did not start it."""
    try:
        read = json.loads(labels[SETTINGS_LABEL])
    except (KeyError, ValueError):
        return None
    return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else None


def _ports(publish: Sequence[str], host: str, remote: bool) -> tuple[Port, ...]:
    ports = tuple(parse_port(text, host) for text in publish) or tuple(
        parse_port(f"{port}:{port}", host) for port in DEFAULT_PORTS
    )
    if REST not in {port.inside for port in ports}:
        raise InvalidArgument(
            f"no port is published for REST, which Lightship needs to see that the model answers: add "
            f"-p {REST}:{REST}, or -p 0:{REST} for a free one"
        )
    if remote and any(port.inside == REST and ip_address(port.address).is_loopback for port in ports):
        raise InvalidArgument(
            "the Docker Engine is on another machine, and ports at 127.0.0.1 there cannot be reached from here: "
            "give --host 0.0.0.0, or one address of that machine"
        )
    return ports


def _environment(given: Mapping[str, str], model: str) -> tuple[tuple[str, str], ...]:
    for key in given:
        if not key or "=" in key or "\0" in key + given[key]:
            raise InvalidArgument(f"{key!r} is not the name of an environment variable: give NAME=VALUE")
        if key in ("MODEL_NAME", "MODEL_BASE_PATH"):
            raise InvalidArgument(f"Lightship sets {key} itself; give another name with --model-name")
    return tuple(sorted({**given, "MODEL_NAME": model}.items()))


def _checked_image(image: str) -> str:
    if not image or image.startswith("-") or any(character.isspace() for character in image):
        raise InvalidArgument(
            f"{image!r} is not the name of an image: give NAME:TAG, such as {OUR_IMAGE} or tensorflow/serving:2.20.0"
        )
    return image


def _checked_restart(restart: str) -> str:
    if restart not in RESTARTS:
        raise InvalidArgument(f"--restart is {restart!r}; give one of {', '.join(RESTARTS)}")
    return restart


def _checked_cpus(cpus: float | None) -> float:
    if cpus is not None and not 0.01 <= cpus <= 10_000:
        raise InvalidArgument(f"--cpus is {cpus!r}; give a number of processors, such as 1.5")
    return cpus or 0


def _bytes(memory: str) -> int:
    """Bytes, from a text such as `512m`, `2g`, `1.5G` or a plain number."""
    match = _MEMORY.fullmatch(memory)
    size = int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if size < _MIN_MEMORY:
        raise InvalidArgument(f"--memory is {memory!r}; give a size of 6m or more, such as 512m or 2g")
    return size
