"""`lightship explain --check`: measures explanations, and prints and draws the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.cli.advice import CHECKED_PHOTOS
from lightship.cli.explain_photos import as_options, progress_bar
from lightship.cli.failures import explain as error_line
from lightship.cli.failures import print_warning, run_command
from lightship.cli.output import add_row, print_json, print_styled, print_text
from lightship.cli.photos import named_photos
from lightship.errors import LightshipError, NotFound

if TYPE_CHECKING:
    from lightship.cli.explanation_check import CheckOptions, CheckResult
    from lightship.cli.explanation_check.checking import NamedBytes
    from lightship.client import Rise, Tls

DEFAULT_MARGIN = 0.05
DEFAULT_RANDOM_MAPS, DEFAULT_COPIES, DEFAULT_PHOTOS = 20, 3, 20
COULD_NOT_CHECK = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of the check; None for a default."""

    folder: str
    method: str | Rise | None
    class_: str | None
    margin: float | None
    random_maps: int | None
    copies: int | None
    max_photos: int | None
    seed: int
    # The file of the plot; None for none.
    output: str | None

    def options(self) -> CheckOptions:
        from lightship.cli.explanation_check import CheckOptions

        return CheckOptions(
            method=self.method,
            class_=self.class_,
            random_maps=DEFAULT_RANDOM_MAPS if self.random_maps is None else self.random_maps,
            copies=DEFAULT_COPIES if self.copies is None else self.copies,
            margin=DEFAULT_MARGIN if self.margin is None else self.margin,
            seed=self.seed,
        )


def run_check(
    target: str, settings: Settings, timeout: float, bundle: str | None, trusted: Tls | None, json: bool
) -> int:
    """Checks, prints the result, and returns the exit code. Ends the process with 2 if it cannot check."""
    codes: list[int] = []

    def run() -> None:
        try:
            result = _check(target, settings, timeout, bundle, trusted)
        except LightshipError as error:
            raise type(error)(as_options(error.message)) from error
        if json:
            print_json(result.to_json())
        else:
            _print(result, settings.output)
        codes.append({True: 0, False: 1, None: COULD_NOT_CHECK}[result.passed])

    run_command(run, failure=COULD_NOT_CHECK)
    return codes[0]


def _check(target: str, settings: Settings, timeout: float, bundle: str | None, trusted: Tls | None) -> CheckResult:
    from lightship.cli.explained_model import explained_model
    from lightship.cli.explanation_check import check_explanations, check_plot_name, parts_of, write_plot

    if settings.output is not None:
        check_plot_name(settings.output)
    photos, options = _photos(settings), settings.options()
    with (
        explained_model(target, timeout, bundle, trusted) as model,
        progress_bar("checking", parts_of(len(photos), options)) as update,
    ):
        done = 0

        def advance(parts: int) -> None:
            nonlocal done
            done += parts
            update(done)

        result = check_explanations(model, photos, options, advance)
    if settings.output is not None:
        write_plot(settings.output, result)
    return result


def _photos(settings: Settings) -> list[NamedBytes]:
    """Returns the photos that can be read, up to the limit. Raises NotFound or InvalidArgument if there is none."""
    limit = DEFAULT_PHOTOS if settings.max_photos is None else settings.max_photos
    found: list[NamedBytes] = []
    for photo in _readable(settings.folder):
        if len(found) == limit:
            print_warning(f"{settings.folder} has more than {limit} photos; --max-photos takes more of them")
            break
        found.append(photo)
    if not found:
        raise NotFound(f"{settings.folder} has no photo that can be read: give a folder of photos for --check")
    return found


def _readable(folder: str) -> Iterator[NamedBytes]:
    from lightship.cli.explanation_check.checking import NamedBytes
    from lightship.client.photos import encoded
    from lightship.images.opening import open_image

    for photo in named_photos([folder], CHECKED_PHOTOS):
        if isinstance(photo, LightshipError):
            raise photo
        try:
            data = encoded(photo.read())
            open_image(data).load()
        except LightshipError as error:
            print_warning(f"{photo.name} is left out: {error_line(error)}")
        except OSError as error:  # of pixels that are broken or cut off
            print_warning(f"{photo.name} is left out: it cannot be decoded ({error})")
        else:
            yield NamedBytes(photo.name, data)


def _print(result: CheckResult, plot: str | None) -> None:
    from rich.table import Table

    version = f", version {result.version}" if result.version is not None else ""
    print_text(f"{result.model}{version}: explanations by {result.method or 'the default method'}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Photo", "Class", "Score", "Deletion", "Random", "Insertion", "Random"):
        table.add_column(column, justify="left" if column in ("Photo", "Class") else "right", overflow="fold")
    for one in result.photos:
        numbers = (
            one.score,
            one.deletion.area,
            one.deletion.random_mean,
            one.insertion.area,
            one.insertion.random_mean,
        )
        add_row(table, Path(one.photo).name, one.label, *(f"{number:.3f}" for number in numbers))
    print_styled(table)
    _print_verdict(result)
    if plot is not None:
        print_text(f"The curves are in {plot}")


def _print_verdict(result: CheckResult) -> None:
    photos = len(result.photos)
    _print_gain("Deletion", result.deletion_gain, result.margin, ("below", "above"))
    _print_left_out(photos - len(result.deletions), photos, "black", "fall")
    _print_gain("Insertion", result.insertion_gain, result.margin, ("above", "below"))
    _print_left_out(photos - len(result.insertions), photos, "blurred", "rise")
    weights = result.weights
    if weights.mean is None:
        print_text(f"Weights: not checked, because {weights.detail}" if weights.detail else "Weights: not checked")
    else:
        from lightship.cli.explanation_check.results import MAX_CORRELATION

        print_text(
            f"Weights: {'passed' if weights.passed else 'failed'}. The rank correlation with the maps of copies with "
            f"random weights is {weights.mean:.2f}; its absolute value must be below {MAX_CORRELATION}"
        )


def _print_gain(name: str, gain: float | None, margin: float, sides: tuple[str, str]) -> None:
    better, worse = sides
    if gain is None:
        print_text(f"{name}: not checked")
        return
    verdict = "passed" if gain >= margin else "failed"
    print_text(
        f"{name}: {verdict}. On average the area is {abs(gain):.3f} {better if gain >= 0 else worse} that of random "
        f"maps; it must be at least {margin:g} {better}"
    )


def _print_left_out(number: int, photos: int, how: str, move: str) -> None:
    """Says how many photos do not count, if any."""
    if number:
        print_text(
            f"  left out: {number} of {photos} photos, because the class keeps more than half of its score if the "
            f"photo is {how}, so no map can make it {move}"
        )
