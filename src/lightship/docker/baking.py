"""`lightship.docker.build`: bakes a model into an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from lightship.docker import views
from lightship.docker.base_image import check_layers, checked_platform, find_base
from lightship.docker.build_output import BuildOutput, build_error
from lightship.docker.build_plan import OUR_IMAGE, BuildPlan, plan_build
from lightship.docker.context import Context
from lightship.docker.engine import engine, error_text
from lightship.docker.model_folder import Versions
from lightship.errors import DeadlineExceeded

if TYPE_CHECKING:
    from docker import DockerClient

Progress = Callable[[str], None]

MAX_SILENCE = 600  # the longest time without output: an engine prints nothing while it copies a version


@dataclass(frozen=True, slots=True)
class BakedImage:
    """An image that `build` made."""

    id: str
    tags: tuple[str, ...]

    base: str
    """The name of the base image."""

    model: str
    """The name under which the server serves the model."""

    versions: tuple[int, ...]
    """The oldest first."""

    layers: tuple[str, ...]
    """Digests of the layers' contents: those of the base from the bottom up, then one for each version."""

    labels: Mapping[str, str]

    size: int
    """Bytes on the engine, the base's layers included."""

    left_out: tuple[str, ...]
    """Paths, below the model's folder, that are not in the image."""

    def __repr__(self) -> str:
        return views.text("BakedImage", self.tags[0] if self.tags else self.id, views.of_image(self))

    def _repr_html_(self) -> str:
        return views.html("BakedImage", self.tags[0] if self.tags else self.id, views.of_image(self))


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How an engine builds an image; `build` describes the options."""

    platform: str | None = None
    """None: the engine's own."""

    pull: bool = False
    """Whether to pull the base image even if the engine has it."""

    cache: bool = True
    """Whether the engine may reuse layers of earlier builds."""


def build(
    folder: str | Path,
    tags: str | Sequence[str] = (),
    *,
    model_name: str | None = None,
    versions: Versions = "all",
    image: str = OUR_IMAGE,
    labels: Mapping[str, str] | None = None,
    platform: str | None = None,
    pull: bool = False,
    cache: bool = True,
    progress: Progress | None = None,
) -> BakedImage:
    """Bakes a model into an image that serves it with nothing mounted: `docker run -p 8501:8501 dog:1`.

    folder: the model's folder, which contains its versions.
    tags: names of the image.
    model_name: the name under which the server serves the model; by default the folder's name.
    versions: "all", "latest", or numbers. Each version becomes one layer, the oldest first. The same files always give
        the same layer, so an image with one more version shares all other layers.
    image: the base image, by default Lightship's own; "tensorflow/serving:2.20.0" works too.
    labels: more labels of the image, in addition to those that describe its contents.
    platform: the platform of the base image, such as "linux/arm64"; by default the engine's.
    pull: whether to pull the base image even if the engine has it.
    cache: whether the engine may reuse layers of earlier builds.
    progress: is called with a short text at each step.

    The files get the time of SOURCE_DATE_EPOCH, by default 1980. Raises NotFound for a missing version or base image,
    FailedPrecondition and DataLoss for an incomplete version, InvalidArgument for files or names that cannot be put
    into an image, Unavailable if no engine answers, and ResourceExhausted for a full disk or too many layers.
    """
    plan = plan_build(folder, tags, model_name=model_name, versions=versions, image=image, labels=labels)
    options = BuildOptions(None if platform is None else checked_platform(platform), pull, cache)
    with engine() as client:
        return bake(client, plan, options, progress or (lambda step: None))


def bake(client: DockerClient, plan: BuildPlan, options: BuildOptions, report: Progress) -> BakedImage:
    """Builds the image and tags it.

    If the build fails, removes the images that its steps made, but not a base image that was pulled.
    """
    from docker.utils import parse_repository_tag

    base = find_base(client, plan.base, platform=options.platform, pull=options.pull, report=report)
    check_layers(base, plan.base, len(plan.model.versions))
    image = _build(client, plan, options, report)
    found = client.images.get(image)
    for tag in plan.tags:
        repository, name = parse_repository_tag(tag)
        found.tag(repository, name or "latest")
    return _baked_image(plan, found.attrs)


def _build(client: DockerClient, plan: BuildPlan, options: BuildOptions, report: Progress) -> str:
    from docker.errors import APIError
    from requests.exceptions import Timeout

    output = BuildOutput(report)
    with _clean_after_failure(client, output):
        try:
            return output.follow(_messages(client, plan, options, report))
        except APIError as error:
            raise build_error(error_text(error), error.status_code) from error
        except Timeout as error:
            raise DeadlineExceeded(
                f"the Docker Engine sent no output for {MAX_SILENCE} seconds: check that it works, for example with "
                "`docker info`, and try again"
            ) from error


def _messages(
    client: DockerClient, plan: BuildPlan, options: BuildOptions, report: Progress
) -> Iterable[Mapping[str, Any]]:
    """Sends the context and returns the engine's messages, to be read while it builds."""
    context = Context(plan.entries, plan.mtime, _report_sent(plan.size, report))
    return client.api.build(
        fileobj=cast(IO[bytes], context),
        custom_context=True,
        decode=True,
        rm=True,
        forcerm=True,
        nocache=not options.cache,
        platform=options.platform,
        timeout=MAX_SILENCE,
        use_config_proxy=False,
    )


@contextmanager
def _clean_after_failure(client: DockerClient, output: BuildOutput) -> Iterator[None]:
    """Removes the images that the steps of a failed build left, but none of earlier builds."""
    from docker.errors import DockerException

    before = set(client.api.images(quiet=True, all=True))
    try:
        yield
    except BaseException:
        for made in reversed(output.made):
            if not any(known.removeprefix("sha256:").startswith(made) for known in before):
                with suppress(DockerException, OSError):
                    client.api.remove_image(made, noprune=True)
        raise


def _report_sent(size: int, report: Progress) -> Callable[[int], None]:
    """Reports the progress at most once for each megabyte."""
    reported, total = -1, ceil(size / 1_000_000)

    def sent(so_far: int) -> None:
        nonlocal reported
        if so_far // 1_000_000 > reported:
            reported = so_far // 1_000_000
            report(f"sending {reported} of {total} MB")

    return sent


def _baked_image(plan: BuildPlan, found: Mapping[str, Any]) -> BakedImage:
    return BakedImage(
        id=found["Id"],
        tags=plan.tags,
        base=plan.base,
        model=plan.model.name,
        versions=plan.model.numbers,
        layers=tuple(found["RootFS"]["Layers"]),
        labels=dict(found["Config"]["Labels"] or {}),
        size=found["Size"],
        left_out=plan.model.left_out,
    )
