"""The loss and the accuracy of each epoch, as curves and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from lightship.evaluation.page import (
    Column,
    Markup,
    Phase,
    Series,
    decimal,
    figure,
    joined,
    line_chart,
    percent,
    table,
    tag,
)
from lightship.evaluation.page.values import NO_BREAK
from lightship.evaluation.report.content import EpochFigures

_COLUMNS = (
    Column("Epoch"),
    Column("Phase"),
    Column("Training loss", numeric=True),
    Column("Validation loss", numeric=True),
    Column("Training accuracy", numeric=True),
    Column("Validation accuracy", numeric=True),
    Column("Learning rate", numeric=True),
    Column("Seconds", numeric=True),
)


def curves(epochs: Sequence[EpochFigures], best: int | None) -> Markup:
    """Returns the curves of a training. best: the index of the epoch whose weights the model has."""
    if not epochs:
        return tag("p", "No epoch was completed.")
    phases = tuple(_phases(epochs))
    loss = line_chart("Loss", _series(epochs, "loss"), phases, best=best, shown=decimal)
    accuracy = line_chart(
        "Accuracy", _series(epochs, "accuracy"), phases, best=best, highest=1.0, shown=percent, axis=_axis
    )
    rows = table("The figures of each epoch", _COLUMNS, (_row(index, one) for index, one in enumerate(epochs)))
    return joined(
        (
            _best(best, epochs),
            tag("div", tag("div", loss), tag("div", accuracy), class_="pair"),
            tag("details", tag("summary", "All epochs as a table"), rows),
        )
    )


def _axis(share: float) -> str:
    return f"{share:.0%}".replace("%", f"{NO_BREAK}%")


def _best(best: int | None, epochs: Sequence[EpochFigures]) -> Markup:
    text = f"{len(epochs)} epochs." if len(epochs) > 1 else "1 epoch."
    if best is not None:
        text += f" The model has the weights of epoch {best + 1}, whose validation loss is the lowest."
    return tag("p", text, class_="quiet")


def _series(epochs: Sequence[EpochFigures], what: str) -> list[Series]:
    training = [float(getattr(one, what)) for one in epochs]
    validation = [float(getattr(one, f"valid_{what}")) for one in epochs]
    return [Series(what, "train", "training", training), Series(f"valid_{what}", "valid", "validation", validation)]


def _phases(epochs: Sequence[EpochFigures]) -> Iterator[Phase]:
    first = 0
    for label, group in groupby(one.phase for one in epochs):
        size = len(list(group))
        yield Phase(label, first, size)
        first += size


def _row(index: int, epoch: EpochFigures) -> list[object]:
    def cell(name: str, shown: str) -> Markup:
        return figure(f"epoch.{index}.{name}", getattr(epoch, name), shown)

    return [
        str(index + 1),
        epoch.phase,
        cell("loss", decimal(epoch.loss, 4)),
        cell("valid_loss", decimal(epoch.valid_loss, 4)),
        cell("accuracy", percent(epoch.accuracy)),
        cell("valid_accuracy", percent(epoch.valid_accuracy)),
        cell("learning_rate", f"{epoch.learning_rate:.2g}"),
        cell("seconds", decimal(epoch.seconds, 1)),
    ]
