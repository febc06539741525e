"""`lightship compare`: compares two versions of a model on photos, and checks requirements on the new one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from os.path import realpath
from typing import TYPE_CHECKING, Annotated

import typer

from lightship.cli import tls
from lightship.cli.failures import print_warning, run_command
from lightship.cli.options import WrongArguments
from lightship.client.arguments import DEFAULT_CONCURRENCY, MAX_CONCURRENCY

if TYPE_CHECKING:
    from lightship.cli.comparing.photos import HeldOut
    from lightship.cli.comparing.sides import Access, Side
    from lightship.evaluation.comparison.report import ComparedModel, ComparisonReport
    from lightship.evaluation.comparison.requirements import Requirement

COULD_NOT_COMPARE = 2
_HELD_OUT = "Held-out photos"
_SIDE = (
    "a version folder, models/dog/1; a model's folder, models/dog, for its newest version; or the URL of a served "
    "model, http://host:8501/v1/models/dog or grpc://host:8500/dog, optionally with /versions/3 or /labels/stable."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compare, and how."""

    a: str
    b: str
    on: str
    pattern: str | None
    held_out: HeldOut | None
    ignore_unknown: bool
    requirements: tuple[Requirement, ...]


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=f"The model to compare with: {_SIDE}")],
    b: Annotated[str, typer.Argument(metavar="B", help="The new model, in the same forms.")],
    on: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="The photos: a folder with a folder for each class; with train and val folders, of which val is used; "
            "a CSV file with the columns path and label; or a folder of photos without labels.",
        ),
    ],
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help='Read the labels from the names of the files, such as "{make}_{model}_*.jpg".',
        ),
    ] = None,
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out",
            rich_help_panel=_HELD_OUT,
            help="Use only the photos that lightship train sets aside for validation, with the same share and seed.",
        ),
    ] = False,
    valid_share: Annotated[
        float | None,
        typer.Option(rich_help_panel=_HELD_OUT, help="The --valid-share of the training. Default: 0.2."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, rich_help_panel=_HELD_OUT, help="The --seed of the training. Default: 0.")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REQUIREMENT",
            help='What B has to fulfil, such as "accuracy >= -0.005"; can be repeated. A number with a sign is the '
            "allowed change from A to B, one without a sign is what B must reach.",
        ),
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page with all figures and the changed photos.")
    ] = None,
    changes: Annotated[int, typer.Option(min=0, help="How many changed answers to print.")] = 10,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Leave out photos whose label neither model knows.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.001, envvar="LIGHTSHIP_TIMEOUT", help="Seconds to wait for a server's answer to each photo."
        ),
    ] = 30.0,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_CONCURRENCY,
            envvar="LIGHTSHIP_CONCURRENCY",
            help="How many photos are sent to a server at the same time.",
        ),
    ] = DEFAULT_CONCURRENCY,
    bundle: Annotated[
        str | None,
        typer.Option(
            envvar="LIGHTSHIP_BUNDLE",
            help="The exported version folder, to preprocess photos for a server that takes no encoded images.",
        ),
    ] = None,
    ca: tls.Ca = None,
    cert: tls.Certificate = None,
    key: tls.Key = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two versions of a model on photos: agreement, accuracy, each class, and the answers that changed.

    The exit code is 0 if B fulfils all requirements, 1 if it fails one, and 2 if they could not be checked.
    """
    codes: list[int] = []
    aside = _held_out(held_out, valid_share, seed)

    def run() -> None:
        from lightship.cli.comparing.json_output import print_comparison_json
        from lightship.cli.comparing.page_file import check_page_file
        from lightship.cli.comparing.printing import print_comparison
        from lightship.cli.comparing.sides import Access
        from lightship.evaluation.comparison.requirements import parse_requirement

        requirements = tuple(parse_requirement(text) for text in require or ())
        if html is not None:
            check_page_file(html)
        access = Access(timeout, concurrency, bundle, tls.tls_of(ca, cert, key))
        found = _compare(Wanted(a, b, on, pattern, aside, ignore_unknown, requirements), access)
        if json:
            print_comparison_json(found)
        else:
            print_comparison(found, changes)
        if html is not None:  # last, so that a full disk does not lose the result
            _write_page(html, found)
        codes.append(0 if found.passed else 1)

    run_command(run, failure=COULD_NOT_COMPARE)
    if codes[0]:
        raise typer.Exit(codes[0])


def _held_out(wanted: bool, valid_share: float | None, seed: int | None) -> HeldOut | None:
    """Returns which photos a training set aside; None for all photos. Raises WrongArguments."""
    from lightship.cli.comparing.photos import HeldOut

    if not wanted:
        for name, value in (("valid_share", valid_share), ("seed", seed)):
            if value is not None:
                raise WrongArguments(f"it has an effect only with --held-out, and is {value}", name)
        return None
    from lightship.datasets.photo_set import DEFAULT_VALID_SHARE

    return HeldOut(DEFAULT_VALID_SHARE if valid_share is None else valid_share, seed or 0)


def _write_page(path: str, report: ComparisonReport) -> None:
    from lightship.cli.comparing.page_file import write_page_file
    from lightship.evaluation.comparison.page import comparison_page

    write_page_file(path, comparison_page(report))


def _model(side: Side) -> ComparedModel:
    from lightship.evaluation.comparison.report import ComparedModel

    return ComparedModel(side.name, side.model, side.version)


def _compare(wanted: Wanted, access: Access) -> ComparisonReport:
    """Asks both models about the photos. Raises LightshipError if they cannot be compared."""
    from lightship.cli.comparing.asking import ask_both
    from lightship.cli.comparing.photos import compared_photos
    from lightship.cli.comparing.sides import opened_side
    from lightship.cli.explain_photos import progress_bar
    from lightship.evaluation.comparison.comparison import check_labels, compare_answers
    from lightship.evaluation.comparison.report import ComparisonReport
    from lightship.evaluation.comparison.requirements import check_metrics, check_requirement

    photos = compared_photos(wanted.on, wanted.pattern, wanted.held_out)
    check_metrics(wanted.requirements, labelled=photos.labels is not None)

    def check_classes(known: set[str]) -> None:
        if not wanted.ignore_unknown:
            check_labels(photos.labels or (), known)

    with ExitStack() as stack:
        a, b = (stack.enter_context(opened_side(target, access)) for target in (wanted.a, wanted.b))
        if realpath(a.name) == realpath(b.name):  # a gate before promotion would let it pass
            print_warning(f"A and B are the same version, {a.name}: to compare two, name the version of each")
        advance = stack.enter_context(progress_bar("comparing", len(photos.paths)))
        asked = ask_both(photos.paths, a, b, check_classes, advance)
    comparison = compare_answers(
        [photos.paths[index] for index in asked.asked],
        None if photos.labels is None else [photos.labels[index] for index in asked.asked],
        asked.a,
        asked.b,
        ignore_unknown=wanted.ignore_unknown,
    )
    checked = tuple(check_requirement(one, comparison) for one in wanted.requirements)
    return ComparisonReport(_model(a), _model(b), wanted.on, comparison, (*photos.skipped, *asked.unreadable), checked)
