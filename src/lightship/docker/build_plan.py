"""Plans a build without an engine: the Dockerfile, the files and the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship import __version__
from lightship.docker import views
from lightship.docker.context import ContextEntry, source_date
from lightship.docker.dockerfile import checked_key, checked_tag, dockerfile, quoted
from lightship.docker.image_labels import image_labels
from lightship.docker.model_folder import ModelFolder, ModelVersion, Versions, read_model_folder

OUR_IMAGE = f"lightship:{__version__}"
MODELS = "/models"  # in which our image and TensorFlow Serving's look for models


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """The checked arguments of a build, and the files that it sends to the engine."""

    base: str
    """The name of the base image."""

    tags: tuple[str, ...]
    model: ModelFolder

    labels: Mapping[str, str]
    """Of the new image."""

    dockerfile: str
    """The text of the Dockerfile."""

    entries: tuple[ContextEntry, ...]
    """The files that are sent to the engine, the Dockerfile first."""

    mtime: int
    """Of every file in the image, seconds since 1970."""

    @property
    def size(self) -> int:
        """Bytes of the files in the context."""
        return sum(entry.size for entry in self.entries)

    def __repr__(self) -> str:
        return views.text("BuildPlan", self.tags[0] if self.tags else "", views.of_plan(self))

    def _repr_html_(self) -> str:
        return views.html("BuildPlan", self.tags[0] if self.tags else "", views.of_plan(self))


def plan_build(
    folder: str | Path,
    tags: str | Sequence[str] = (),
    *,
    model_name: str | None = None,
    versions: Versions = "all",
    image: str = OUR_IMAGE,
    labels: Mapping[str, str] | None = None,
) -> BuildPlan:
    """Plans what `build` does with the same arguments, without an engine. Raises the errors of `build` for them."""
    names = tuple(map(checked_tag, dict.fromkeys([tags] if isinstance(tags, str) else tags)))
    given = {checked_key(key): value for key, value in (labels or {}).items()}
    for value in given.values():
        quoted(value)
    model, mtime = read_model_folder(Path(folder), model_name, versions), source_date()
    all_labels = image_labels(model, image) | given
    environment = {"MODEL_NAME": model.name, "MODEL_BASE_PATH": MODELS}
    text = dockerfile(image, [_layer(version) for version in model.versions], environment, all_labels, mtime)
    content = text.encode()
    entries = [ContextEntry("Dockerfile", len(content), content), ContextEntry("layers")]
    for version in model.versions:
        entries += _layer_entries(version, model.name)
    return BuildPlan(image, names, model, all_labels, text, tuple(entries), mtime)


def _layer(version: ModelVersion) -> str:
    return f"layers/{version.number}"


def _layer_entries(version: ModelVersion, model: str) -> Iterator[ContextEntry]:
    """The version's files, and its folder with all parents, as they will be in the image."""
    place = _layer(version)
    yield ContextEntry(place)
    for part in (*MODELS.strip("/").split("/"), model, str(version.number)):
        place += f"/{part}"
        yield ContextEntry(place)
    for file in version.files.entries:
        yield ContextEntry(f"{place}/{file.name}", file.size, source=file.source)
