"""`lightship tune`: finds the setting with which a model runs best on this host, and keeps it for servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from lightship.cli.failures import run_command
from lightship.cli.options import Argument, Option, parsed

if TYPE_CHECKING:
    from lightship.cli.version_folder import VersionFolder
    from lightship.tuning import Budget, Objective, Progress, Tuning

_MAX_CALLERS = 1024
DEFAULT_CALLERS = "1,4,16"


def tune(
    folder: Annotated[
        str,
        Argument(
            metavar="MODEL_FOLDER",
            help="A model's folder, such as models/dog, for its newest version, or a version folder, models/dog/1.",
        ),
    ],
    version: Annotated[
        int | None, Option(min=0, metavar="N", help="The version to tune; by default the newest one.")
    ] = None,
    signature: Annotated[
        str, Option(metavar="NAME", help="The signature that is called and tuned.")
    ] = "serving_default",
    objective: Annotated[
        Literal["throughput", "latency"],
        Option(help="What is to be best: the calls a second, or the time within which 95 of 100 calls are answered."),
    ] = "throughput",
    slo: Annotated[
        str | None,
        Option(
            metavar="LIMIT",
            help="Instead of --objective: the highest rate that keeps a limit such as p99=20ms; p50, p95 or p99.",
        ),
    ] = None,
    callers: Annotated[
        str, Option(metavar="N,N", help="Numbers of calls made at once, one after the other; all count alike.")
    ] = DEFAULT_CALLERS,
    seconds: Annotated[
        float, Option(min=5, help="How long to try settings under load. Loading and compiling them takes more.")
    ] = 60.0,
    repeats: Annotated[
        int, Option(min=3, help="How often the best setting is compared with the default at the end.")
    ] = 10,
    precision: Annotated[
        Literal["f32", "any"],
        Option(
            help="any: also try precisions that this processor computes faster, if they pass the golden check or the "
            "comparison with TensorFlow. f32: try no other."
        ),
    ] = "any",
    html: Annotated[
        str | None, Option(metavar="FILE", help="Write a page with plots, the comparison and all settings.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Keep nothing: only print what would be best.")] = False,
    forget: Annotated[
        bool,
        Option(
            "--forget", help="Remove what was kept for the model: for all its versions, or for the one that you name."
        ),
    ] = False,
    cache_dir: Annotated[
        Path | None,
        Option(
            envvar="LIGHTSHIP_CACHE_DIR",
            help="The folder for compiled models and tuned settings; by default the user's cache folder.",
        ),
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the setting with which a model runs best on this host, and keep it for servers.

    It tries threads, streams, batches, shapes and precision under load of its own, and compares the best setting with
    the default. `lightship serve` loads the model with a setting that was kept.
    """
    limit = None if slo is None else parsed("slo", slo, _limit)
    numbers = parsed("callers", callers, _callers)

    def run() -> None:
        from lightship.cli.advice import TUNE, check_argument
        from lightship.saved_model.version_folder import find_version

        check_argument(folder, TUNE)
        if forget:
            _forget(folder, version, cache_dir, as_json=json)
            return
        from lightship.cli.comparing.page_file import check_page_file, write_page_file
        from lightship.cli.output import print_json
        from lightship.cli.tuning_output import print_tuning
        from lightship.tuning import Budget, Objective
        from lightship.tuning.page import tuning_page

        found = find_version(folder, version)
        if html is not None:
            check_page_file(html)
        wanted = Objective(objective) if limit is None else Objective(objective, *limit)
        tuning = _tuned(
            found, cache_dir, signature, wanted, numbers, Budget(seconds, repeats), precision == "any", keep=not dry_run
        )
        if json:
            print_json(tuning.to_json())
        else:
            print_tuning(tuning)
        if html is not None:  # last, so that a full disk does not lose the result
            write_page_file(html, tuning_page(tuning))

    run_command(run)


def _limit(text: str) -> tuple[int, float]:
    from lightship.tuning.objective import parse_limit

    return parse_limit(text)


def _callers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part[:9]) <= _MAX_CALLERS for part in parts):
        from lightship.errors import InvalidArgument

        raise InvalidArgument(f"{text!r} is not a list of numbers of callers: give 1 to {_MAX_CALLERS}, such as 1,16")
    return sorted({int(part) for part in parts})


def _forget(folder: str, version: int | None, cache_dir: Path | None, *, as_json: bool) -> None:
    from lightship.cli.output import print_json, print_text
    from lightship.engines import EngineOptions
    from lightship.engines.cache_keys import digest_of_folder
    from lightship.engines.tuned import settings_for

    settings = settings_for(EngineOptions(cache_dir=cache_dir))
    removed = sum(settings.forget(digest_of_folder(one)) for one in _versions(folder, version))
    if as_json:
        print_json({"removed": removed})
    else:
        print_text(f"removed {removed} {'setting' if removed == 1 else 'settings'} of {folder}")


def _versions(folder: str, version: int | None) -> list[Path]:
    """Returns the version folders that are meant: the one that is named, or all of the model."""
    from lightship.saved_model.version_folder import find_version
    from lightship.saved_model.versions import has_saved_model, list_versions

    found = find_version(folder, version)
    if version is not None or has_saved_model(Path(folder)):
        return [found.path]
    return [path for path in list_versions(Path(folder)).values() if has_saved_model(path)]


@contextmanager
def _progress(seconds: float) -> Iterator[Progress]:
    """Shows on standard error what is done and how much time has passed, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from lightship.printable import printable

    console = Console(stderr=True)
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda text, share: progress.update(task, description=printable(text), completed=share)


def _tuned(
    found: VersionFolder,
    cache_dir: Path | None,
    signature: str,
    objective: Objective,
    callers: Sequence[int],
    budget: Budget,
    any_precision: bool,
    *,
    keep: bool,
) -> Tuning:
    """Tunes a version, and keeps the best setting if it is better than the default.

    Otherwise, what was kept before for this host is removed: it would be loaded although the default is as good.
    """
    from lightship.bundle.bundle import open_bundle
    from lightship.engines import EngineOptions
    from lightship.engines.cache_keys import digest_of_folder
    from lightship.engines.tuned import settings_for
    from lightship.tuning import tune as find_best

    bundle = open_bundle(found.path, found.model, found.version)
    options = EngineOptions(cache_dir=cache_dir)
    with _progress(budget.seconds) as progress:
        tuning = find_best(
            bundle,
            options,
            signature=signature,
            objective=objective,
            callers=callers,
            budget=budget,
            any_precision=any_precision,
            progress=progress,
        )
    if keep:
        settings, model = settings_for(options), digest_of_folder(found.path)
        if tuning.better and tuning.best is not None:
            tuning.kept = settings.keep(model, tuning.best)
        else:
            settings.drop(model)
    return tuning
