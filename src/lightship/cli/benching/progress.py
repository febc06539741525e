"""What is shown while `lightship bench` measures, on standard error if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lightship.bench.fleet import Progress, RunPlan
from lightship.evaluation.page.values import significant
from lightship.printable import printable


@contextmanager
def shown_progress() -> Iterator[tuple[Callable[[str, RunPlan, Progress], None], Callable[[str], None]]]:
    """Yields what shows the progress of a run, and what prints a line above it."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[told]}", markup=False),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("connecting", total=1.0, told="")

        def tell(name: str, plan: RunPlan, progress: Progress) -> None:
            done = max(0.0, progress.seconds + plan.warm_up) / (plan.seconds + plan.warm_up)
            bar.update(task, description=f"{printable(name)}  {load_text(plan)}", completed=done, told=_told(progress))

        def told(line: str) -> None:
            if console.is_terminal:
                bar.console.print(printable(line), markup=False)

        yield tell, told


def load_text(plan: RunPlan) -> str:
    if plan.rate is not None:
        return f"{significant(plan.rate)} a second"
    return f"{plan.connections} connection{'' if plan.connections == 1 else 's'}"


def _told(progress: Progress) -> str:
    if progress.seconds <= 0:
        return "warming up"
    failed = f", {progress.errors:,} errors" if progress.errors else ""
    return f"{progress.answered / progress.seconds:,.0f} a second{failed}"
