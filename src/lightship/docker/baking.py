"""`lightship.docker.build`: a model baked into an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

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

SILENCE_SECONDS = 600  # how long an engine may say nothing: copying a large version is one silent step


@dataclass(frozen=True, slots=True)
class BakedImage:
    """base: the image below. versions: the oldest first. layers: digests of their contents, the lowest first: those of
    the base, then one for each version. size: bytes on the engine, the base's layers included. left_out: what of the
    model's folder is not in the image, by its path there."""

    id: str
    tags: tuple[str, ...]
    base: str
    model: str
    versions: tuple[int, ...]
    layers: tuple[str, ...]
    labels: Mapping[str, str]
    size: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    platform: str | None = None
    pull: bool = False
    cache: bool = True


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

    folder: the model's own, with versions in it. tags: what the image shall be called.
    model_name: what the server shall call the model; the folder's name by default.
    versions: "all", "latest", or their numbers. Each is a layer of its own, the oldest first, the same whenever its
        files are: an image with one more version has one more layer, and shares the others.
    image: the one below, Lightship's own by default; "tensorflow/serving:2.20.0" is one too.
    labels: of the image, beside those that say what is in it.
    platform: such as "linux/arm64", if the engine shall take another base than its own.
    pull: ask the registry for the base though the engine has it.
    cache: whether the engine may take layers of earlier builds.
    progress: is told each step, in a few words.

    The files' time is SOURCE_DATE_EPOCH, by default 1980. Raises NotFound where there is no such version or no such
    base, FailedPrecondition and DataLoss for a version that is not whole, InvalidArgument for what cannot be put into
    an image, Unavailable where no engine answers, ResourceExhausted where its disk is full or the layers are too many.
    """
    plan = plan_build(folder, tags, model_name=model_name, versions=versions, image=image, labels=labels)
    options = BuildOptions(None if platform is None else checked_platform(platform), pull, cache)
    with engine() as client:
        return bake(client, plan, options, progress or (lambda step: None))


def bake(client: DockerClient, plan: BuildPlan, options: BuildOptions, tell: Progress) -> BakedImage:
    """Leaves nothing on the engine if it fails, but for a base that was pulled."""
    from docker.utils import parse_repository_tag

    base = find_base(client, plan.base, platform=options.platform, pull=options.pull, tell=tell)
    check_layers(base, plan.base, len(plan.model.versions))
    image = _build(client, plan, options, tell)
    found = client.images.get(image)
    for tag in plan.tags:
        repository, name = parse_repository_tag(tag)
        found.tag(repository, name or "latest")
    return _described(plan, found.attrs)


def _build(client: DockerClient, plan: BuildPlan, options: BuildOptions, tell: Progress) -> str:
    from docker.errors import APIError
    from requests.exceptions import Timeout

    output = BuildOutput(tell)
    with _cleaned_after_failure(client, output):
        try:
            return output.follow(_messages(client, plan, options, tell))
        except APIError as error:
            raise build_error(error_text(error), error.status_code) from error
        except Timeout as error:
            raise DeadlineExceeded(f"the engine said nothing for {SILENCE_SECONDS} seconds: is it hung?") from error


def _messages(
    client: DockerClient, plan: BuildPlan, options: BuildOptions, tell: Progress
) -> Iterable[Mapping[str, Any]]:
    """Sends the context; what comes back is read while the engine builds."""
    context = Context(plan.entries, plan.mtime, _sent(plan.size, tell))
    return client.api.build(
        fileobj=cast(IO[bytes], context),
        custom_context=True,
        decode=True,
        rm=True,
        forcerm=True,
        nocache=not options.cache,
        platform=options.platform,
        timeout=SILENCE_SECONDS,
        use_config_proxy=False,
    )


@contextmanager
def _cleaned_after_failure(client: DockerClient, output: BuildOutput) -> Iterator[None]:
    """A build that fails leaves the images of the steps before; those of earlier builds are not touched."""
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


def _sent(size: int, tell: Progress) -> Callable[[int], None]:
    """Tells once a megabyte at most."""
    told, whole = -1, ceil(size / 1_000_000)

    def sent(so_far: int) -> None:
        nonlocal told
        if so_far // 1_000_000 > told:
            told = so_far // 1_000_000
            tell(f"sending {told} of {whole} MB")

    return sent


def _described(plan: BuildPlan, found: Mapping[str, Any]) -> BakedImage:
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
