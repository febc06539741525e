"""`lightship bench`: measures a server of TensorFlow Serving's API under load."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightship.cli import tls
from lightship.cli.entry import INTERRUPTED
from lightship.cli.failures import print_error, run_command
from lightship.cli.options import WrongArguments, parsed

if TYPE_CHECKING:
    from lightship.bench.measured import Measured
    from lightship.bench.measuring import Measuring
    from lightship.cli.benching.arguments import Plans
    from lightship.cli.benching.targets import Sent

_LOAD, _PAYLOAD, _OUTPUT = "Load", "Payload", "Output"


def bench(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A served model, http://host:8501/v1/models/dog or grpc://host:8500/dog, optionally with /versions/3 "
            "or /labels/stable; or a model's folder, models/dog, for which a server is started and stopped.",
        ),
    ],
    compare: Annotated[
        str | None,
        typer.Option(metavar="TARGET", help="Measure a second target in turns with the first, and print the ratios."),
    ] = None,
    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            rich_help_panel=_LOAD,
            help="Numbers of connections, measured one after the other. Each sends its next request when the last one "
            "is answered. Default: 1,2,4,8,16,32.",
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            rich_help_panel=_LOAD,
            help="Requests a second, sent on schedule whether or not the server keeps up, such as 100,500. Latencies "
            "count from the scheduled start.",
        ),
    ] = None,
    slo: Annotated[
        str | None,
        typer.Option(
            metavar="OBJECTIVES",
            rich_help_panel=_LOAD,
            help="Search for the highest rate that keeps latencies, such as p99=50ms or p50=5ms,p99.9=0.2s.",
        ),
    ] = None,
    connections: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, rich_help_panel=_LOAD, help="With --rate or --slo: the most connections. Default: 64."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=86_400, rich_help_panel=_LOAD, help="How long each load is measured.")
    ] = 5.0,
    warm_up: Annotated[
        float,
        typer.Option(min=0, max=3600, rich_help_panel=_LOAD, help="Seconds of load before measuring begins."),
    ] = 1.0,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, max=1000, rich_help_panel=_LOAD, help="With --compare: turns of each load. Default: 5."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            rich_help_panel=_LOAD,
            help="Processes that send requests. Default: half the processors, at most 16.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=3600,
            envvar="LIGHTSHIP_TIMEOUT",
            rich_help_panel=_LOAD,
            help="Seconds until a request fails.",
        ),
    ] = 10.0,
    grpc: Annotated[
        bool, typer.Option("--grpc", rich_help_panel=_PAYLOAD, help="Ask the server of a folder over gRPC.")
    ] = False,
    encoding: Annotated[
        Literal["list", "binary"] | None,
        typer.Option(
            rich_help_panel=_PAYLOAD,
            help="list: JSON, or typed fields over gRPC. binary: tensor_content over gRPC, or numpy files over REST, "
            "which only Lightship takes. Default: list over REST, binary over gRPC.",
        ),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_PAYLOAD, help="Default: serving_default, or with --photos the one that takes photos."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=65_536, rich_help_panel=_PAYLOAD, help="Rows of each request.")] = 1,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT=SIZES",
            rich_help_panel=_PAYLOAD,
            help="The size of an input whose metadata leaves it open, such as tokens=1,128; can be repeated.",
        ),
    ] = None,
    photos: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", rich_help_panel=_PAYLOAD, help="Send the photos of a folder, 100 at most, in turn."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_PAYLOAD,
            help="Send the arrays of a .npz file; any other file is sent over REST as the JSON document that it is.",
        ),
    ] = None,
    ca: tls.Ca = None,
    cert: tls.Certificate = None,
    key: tls.Key = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", rich_help_panel=_OUTPUT, help="Write a page with charts and tables.")
    ] = None,
    png: Annotated[
        str | None, typer.Option(metavar="FILE", rich_help_panel=_OUTPUT, help="Write the charts as an image.")
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=_OUTPUT, help="Write a table with a row for each load."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", rich_help_panel=_OUTPUT, help="Print one JSON object.")] = False,
) -> None:
    """Measure a model server under load: answers a second, latencies, errors, and its processor time and memory.

    Press Ctrl-C to stop; what was measured until then is printed. The exit code is 1 if the server does not answer, or
    does not keep the objectives of --slo at any rate.
    """
    plans = _plans(concurrency, rate, slo, connections, (seconds, warm_up, timeout))
    if rounds is not None and compare is None:
        raise WrongArguments(f"it has an effect only with --compare, and is {rounds}", "rounds")
    if photos is not None and data is not None:
        raise WrongArguments(f"--photos and --data {data} are given together: give one of them", "photos")
    sent = _sent(grpc, encoding, signature, rows, shape, photos, data, timeout, tls.tls_of(ca, cert, key))
    files = {"--html": html, "--png": png, "--csv": csv}
    codes: list[int] = []

    def run() -> None:
        from lightship.cli.comparing.page_file import check_page_file

        for option, path in files.items():
            if path is not None:
                check_page_file(path, option, f"bench.{option.removeprefix('--')}")
        measured = _measure([one for one in (target, compare) if one is not None], sent, plans, rounds, processes)
        _print(measured, as_json=json)
        _write(measured, files)  # last, so that a full disk does not lose the result
        codes.append(_code(measured))

    run_command(run)
    if codes[0]:
        raise typer.Exit(codes[0])


def _plans(
    concurrency: str | None,
    rate: str | None,
    slo: str | None,
    connections: int | None,
    times: tuple[float, float, float],
) -> Plans:
    from lightship.bench.objectives import parse_objectives
    from lightship.cli.benching import arguments

    if slo is not None and rate is not None:
        raise WrongArguments(f"--slo {slo} searches a rate: leave out --rate {rate}", "slo")
    if rate is not None and concurrency is not None:
        raise WrongArguments(f"a constant rate needs no --concurrency {concurrency}: --connections limits them", "rate")
    if connections is not None and rate is None and slo is None:
        raise WrongArguments(f"it has an effect only with --rate or --slo, and is {connections}", "connections")
    default = "32" if slo is not None else arguments.DEFAULT_CONCURRENCY
    return arguments.plans_of(
        parsed("concurrency", default if concurrency is None else concurrency, arguments.connection_counts),
        parsed("rate", rate, arguments.request_rates) if rate is not None else (),
        parsed("slo", slo, parse_objectives) if slo is not None else (),
        connections or arguments.DEFAULT_CONNECTIONS,
        times,
    )


def _sent(
    grpc: bool,
    encoding: Literal["list", "binary"] | None,
    signature: str | None,
    rows: int,
    shapes: list[str] | None,
    *others: Any,
) -> Sent:
    from lightship.cli.benching.arguments import input_shapes
    from lightship.cli.benching.targets import Sent
    from lightship.errors import InvalidArgument

    try:
        sizes = input_shapes(shapes or ())
    except InvalidArgument as error:
        raise WrongArguments(error.message, "shape") from None
    return Sent(grpc, encoding, signature, rows, sizes, *others)


def _measure(targets: list[str], sent: Sent, plans: Plans, rounds: int | None, processes: int | None) -> Measured:
    from lightship.bench.fleet import Fleet
    from lightship.bench.measuring import Measuring
    from lightship.cli.benching.arguments import DEFAULT_ROUNDS
    from lightship.cli.benching.progress import shown_progress
    from lightship.cli.benching.targets import opened_side
    from lightship.processors import schedulable_cpus

    with ExitStack() as stack:
        sides = [opened_side(role, one, sent, stack) for role, one in zip("AB", targets, strict=False)]
        count = min(processes or max(1, min(16, schedulable_cpus() // 2)), plans.most_connections)
        fleet = stack.enter_context(Fleet(count))
        tell, told = stack.enter_context(shown_progress())
        measuring = Measuring(fleet, sides, tell, told)
        with _stopped_by_interrupt(measuring):
            if plans.objectives:
                measuring.objectives(plans.objectives, plans.closed[0], plans.connections)
            else:
                measuring.loads([*plans.closed, *plans.open], rounds or DEFAULT_ROUNDS)
        return measuring.measured


@contextmanager
def _stopped_by_interrupt(measuring: Measuring) -> Iterator[None]:
    """Lets the first Ctrl-C end the measuring, so that its result is printed, and the second end the command."""
    usual: Callable[..., Any] | int | None = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        measuring.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _print(measured: Measured, *, as_json: bool) -> None:
    from lightship.bench.measured import measured_fields
    from lightship.cli.benching.printing import print_measured
    from lightship.cli.output import print_json

    if as_json:
        print_json(measured_fields(measured))
    else:
        print_measured(measured)


def _write(measured: Measured, files: dict[str, str | None]) -> None:
    from lightship.bench.image import bench_png
    from lightship.bench.page import bench_page
    from lightship.bench.table_file import bench_csv
    from lightship.cli.comparing.page_file import write_page_file

    contents: dict[str, Callable[[Measured], str | bytes]] = {
        "--html": bench_page,
        "--png": bench_png,
        "--csv": bench_csv,
    }
    for option, path in files.items():
        if path is not None:
            write_page_file(path, contents[option](measured), option)


def _code(measured: Measured) -> int:
    if measured.dead:
        print_error(f"{measured.dead} stopped answering: see its log, or whether it still runs")
        return 1
    if measured.stopped:
        return INTERRUPTED
    if not measured.answered or any(search.found is None for _, search in measured.searches):
        if not measured.answered:
            print_error("no request was answered")
        return 1
    return 0
