"""The page of a comparison: one HTML file with all figures and the photos whose answers changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lightship.evaluation.comparison.comparison import ClassChange, ComparedPhoto, Comparison, Outcome
from lightship.evaluation.comparison.report import ComparisonReport
from lightship.evaluation.comparison.requirements import Requirement
from lightship.evaluation.comparison.side_answers import Answer
from lightship.evaluation.comparison.text import chance_text, changed_number, metric_number, requirement_number
from lightship.evaluation.metrics import METRICS, values
from lightship.evaluation.page import (
    Column,
    Markup,
    PhotoCard,
    Section,
    count,
    decimal,
    facts,
    figure,
    joined,
    page,
    percent,
    photo_cards,
    read_thumbnail,
    summary_cards,
    table,
    tag,
)

MAX_PHOTOS = 150  # that are shown; a page then has a few megabytes
MAX_ROWS = 2000  # of a table of photos
_SIDE = 240  # pixels of a photo's longer side

_OUTCOMES = {
    Outcome.WORSE: "worse",
    Outcome.BETTER: "better",
    Outcome.NEITHER: "both wrong",
    Outcome.UNKNOWN: "changed",
}
_VERDICTS = {"passed": "good", "better": "good", "failed": "bad", "worse": "bad"}  # classes of their style


def comparison_page(report: ComparisonReport) -> str:
    """Returns the page as HTML. It loads nothing; the photos are in it.

    Photos that cannot be read any more are named without a picture.
    """
    comparison = report.comparison
    sections = [
        _requirements(report) if report.requirements else None,
        Section("metrics", "Metrics", _metrics(comparison)),
        Section("classes", "Each class", _classes(comparison.class_changes)) if comparison.class_changes else None,
        Section("changed", "Changed answers", _changed(comparison)),
        _left_out(report),
    ]
    title = f"{report.a.name} and {report.b.name}"
    shown = [one for one in sections if one is not None]
    return page(title, kind="Comparison", lead=_lead(report), sections=shown)


def _lead(report: ComparisonReport) -> Markup:
    comparison = report.comparison
    models = facts(
        (letter, f"{one.name} (model {one.model}, version {one.version})")
        for letter, one in (("A", report.a), ("B", report.b))
    )
    return joined((models, summary_cards(_cards(report, comparison))))


def _cards(report: ComparisonReport, comparison: Comparison) -> Iterator[tuple[str, Markup, object]]:
    if report.requirements:
        failed = sum(not one.passed for one in report.requirements)
        verdict = "failed" if failed else "passed"
        note = f"{len(report.requirements) - failed} of {len(report.requirements)} requirements passed"
        yield "Verdict", _verdict(verdict), note
    photos = len(comparison.photos)
    yield "Photos", figure("photos", photos, count(photos)), f"of {report.source}"
    agreement = comparison.agreement
    yield "Agreement", figure("agreement", agreement, percent(agreement)), "photos to which both give the same class"
    if comparison.figures is not None:
        a, b = (one.accuracy for one in comparison.figures)
        yield "Accuracy of A", figure("lead.accuracy.a", a, percent(a)), ""
        yield "Accuracy of B", figure("lead.accuracy.b", b, percent(b)), f"{(b - a) * 100:+.1f} points"
    changed = len(comparison.changed)
    worse, better = comparison.count(Outcome.WORSE), comparison.count(Outcome.BETTER)
    note = "" if comparison.figures is None else f"{count(worse)} worse, {count(better)} better"
    yield "Changed", figure("changed", changed, count(changed)), note


def _requirements(report: ComparisonReport) -> Section:
    rows = (
        (
            _explained(tag("code", one.requirement.text), _meaning(one.requirement)),
            _verdict("passed" if one.passed else "failed"),
            figure(f"requirement.{index}", one.value, requirement_number(one)),
        )
        for index, one in enumerate(report.requirements)
    )
    columns = (Column("Requirement"), Column("Result"), Column("Found", numeric=True))
    return Section("requirements", "Requirements", table("Requirements on B", columns, rows))


def _metrics(comparison: Comparison) -> Markup:
    columns = (Column("Metric"), *(Column(name, numeric=True) for name in ("A", "B", "Change")))
    both = (Column("Metric"), Column("Value", numeric=True))
    chance = chance_text(comparison)
    return joined(
        (
            tag("h3", "Of each model"),
            table("Metrics of each model", columns, _rows_of_each(comparison)),
            tag("h3", "Of both models together"),
            table("Metrics of both models together", both, _rows_of_both(comparison)),
            tag("p", chance, class_="quiet") if chance else "",
        )
    )


def _rows_of_each(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for metric in METRICS.values():
        a, b, change = values(metric, comparison)
        if metric.of_each is not None and (a is not None or b is not None):
            shown = (metric_number(metric, a), metric_number(metric, b), changed_number(change))
            cells = (
                _figure(f"{metric.name}.{side}", value, text)
                for side, value, text in zip(("a", "b", "change"), (a, b, change), shown, strict=True)
            )
            yield _explained(_breakable(metric.name), metric.meaning), *cells


def _rows_of_both(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for metric in METRICS.values():
        value = values(metric, comparison)[2]
        if metric.of_both is not None and value is not None:
            shown = metric_number(metric, value)
            yield _explained(_breakable(metric.name), metric.meaning), _figure(f"both.{metric.name}", value, shown)


def _explained(name: object, meaning: str) -> Markup:
    return joined((name, tag("div", meaning, class_="quiet")))


def _breakable(name: str) -> Markup:
    """Returns a name whose words may stand on lines of their own."""
    first, *others = name.split("_")
    return joined((first, *(part for word in others for part in ("_", tag("wbr"), word))))


def _meaning(requirement: Requirement) -> str:
    return requirement.metric.meaning + (", as the change from A to B" if requirement.is_change else "")


def _verdict(word: str) -> Markup:
    return tag("strong", word, class_=_VERDICTS.get(word))


def _figure(name: str, value: float | None, shown: str) -> object:
    return shown if value is None else figure(name, value, shown)


def _classes(changes: Sequence[ClassChange]) -> Markup:
    numbers = ("Photos", "Recall A", "Recall B", "Change", "Precision A", "Precision B", "F1 A", "F1 B")
    columns = (Column("Class"), *(Column(name, numeric=True) for name in numbers))
    ordered = sorted(enumerate(changes), key=lambda one: one[1].recall_change)
    return table("Figures of each class", columns, (_class_row(*one) for one in ordered), sortable=True)


def _class_row(index: int, one: ClassChange) -> tuple[object, ...]:
    pairs = {"recall": one.recall, "precision": one.precision, "f1": one.f1}
    cells = {
        f"{name}.{side}": figure(f"class.{index}.{name}.{side}", value, decimal(value))
        for name, pair in pairs.items()
        for side, value in zip("ab", pair, strict=True)
    }
    change = figure(f"class.{index}.change", one.recall_change, changed_number(one.recall_change))
    recall_a, recall_b, *others = cells.values()
    return (
        one.label,
        figure(f"class.{index}.photos", one.photos, count(one.photos)),
        recall_a,
        recall_b,
        change,
        *others,
    )


def _changed(comparison: Comparison) -> Markup:
    changed = comparison.changed
    if not changed:
        return tag("p", "Both models give every photo the same best class.")
    shown, rest = changed[:MAX_PHOTOS], changed[MAX_PHOTOS:]
    parts: list[object] = [tag("p", _order(comparison), class_="quiet"), photo_cards(_card(one) for one in shown)]
    if rest:
        columns = (Column("Photo"), Column("Label"), Column("A"), Column("B"), Column("Outcome"))
        rows = ((str(one.path), *_texts(one)) for one in rest[:MAX_ROWS])
        note = f"{count(len(rest))} more" + (f", of which {count(MAX_ROWS)} are listed" if len(rest) > MAX_ROWS else "")
        parts += [tag("p", f"{note}:"), table("Changed answers without pictures", columns, rows, sortable=True)]
    return joined(parts)


def _order(comparison: Comparison) -> str:
    if comparison.figures is None:
        return "The photos have no labels. The answers that B is surest of come first."
    return "Photos that only A gets right come first, then those that only B gets right, then those that neither does."


def _card(photo: ComparedPhoto) -> PhotoCard:
    label, a, b, outcome = _texts(photo)
    lines: list[object] = [_verdict(outcome), f"A: {a}", f"B: {b}", tag("span", str(photo.path), class_="quiet")]
    if photo.label is not None:
        lines.insert(1, f"Label: {label}")
    return PhotoCard([(read_thumbnail(photo.path, _SIDE), photo.path.name)], lines)


def _texts(photo: ComparedPhoto) -> tuple[str, str, str, str]:
    """Returns the label, both answers and the outcome."""
    return photo.label or "–", _answer(photo.a), _answer(photo.b), _OUTCOMES[photo.outcome]


def _answer(answer: Answer | None) -> str:
    return "refused" if answer is None else f"{answer.label} ({answer.score:.3f})"


def _left_out(report: ComparisonReport) -> Section | None:
    comparison = report.comparison
    parts: list[Markup] = []
    for letter, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            parts.append(tag("p", f"Classes that only {letter} knows: {', '.join(names)}"))
    if comparison.ignored:
        named = ", ".join(f"{label} ({photos})" for label, photos in comparison.ignored.items())
        parts.append(tag("p", f"Labels that neither model knows, whose photos are left out: {named}"))
    skipped = list(_skipped(report))
    if skipped:
        columns = (Column("Photo"), Column("Problem"), Column("Reason"))
        parts.append(table("Photos without an answer", columns, skipped[:MAX_ROWS]))
    return Section("left-out", "Left out and refused", joined(parts), "Left out") if parts else None


def _skipped(report: ComparisonReport) -> Iterable[tuple[str, str, str]]:
    for one in report.skipped:
        yield str(one.path), "left out", one.reason
    for refused in report.comparison.refused:
        yield str(refused.path), f"refused by {refused.side}", refused.reason
