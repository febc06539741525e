"""Draws the curves of a check as an SVG file, which needs no library."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightship.cli.explanation_check.results import CheckResult, Comparison
from lightship.errors import InvalidArgument, PermissionDenied
from lightship.printable import printable

SUFFIX = ".svg"
_WIDTH, _HEIGHT = 320, 220  # of the axes of one of the two parts
_LEFT, _TOP, _GAP = 56, 64, 64
_MAX_NAME = 40  # characters of a model's name in the title
_OURS, _RANDOM = "#0072b2", "#767676"  # can be told apart by colour-blind people, and one of the lines is dashed

Floats = NDArray[np.float64]


def check_plot_name(path: str) -> None:
    """Raises InvalidArgument if a file cannot be a plot by its name."""
    if Path(path).suffix.lower() != SUFFIX:
        raise InvalidArgument(f"{path} cannot be the plot of a check: give a name that ends in {SUFFIX}")


def write_plot(path: str, result: CheckResult) -> None:
    """Writes the mean curves of the photos that count. Raises PermissionDenied or InvalidArgument if that fails."""
    try:
        Path(path).write_text("\n".join(_lines(result)) + "\n", encoding="utf-8")
    except PermissionError as error:
        raise PermissionDenied(f"{path} cannot be written: give this user the right to write it") from error
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be written: {error.strerror or error}") from error


def _lines(result: CheckResult) -> Iterator[str]:
    width, height = _LEFT + 2 * _WIDTH + _GAP + 24, _TOP + _HEIGHT + 76
    photos = f"{len(result.photos)} photo{'s' if len(result.photos) > 1 else ''}"
    title = f"Explanations of {result.model[:_MAX_NAME]} by {result.method or 'the default method'}, {photos}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="sans-serif" font-size="13">'
    )
    yield f"<title>{_text(title)}</title><desc>{_text(_description(result))}</desc>"
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="26" font-size="16" font-weight="bold" fill="#111111">{_text(title)}</text>'
    for left, title, axis, counted in (
        (_LEFT, "Deletion (lower is better)", "of the pixels hidden", result.deletions),
        (_LEFT + _WIDTH + _GAP, "Insertion (higher is better)", "of the pixels shown", result.insertions),
    ):
        if len(counted) < len(result.photos):
            title += f", {len(counted)} of {photos}"
        yield from _part(left, title, axis, counted)
    yield from _legend(_TOP + _HEIGHT + 62)
    yield "</svg>"


def _part(left: int, title: str, axis: str, comparisons: list[Comparison]) -> Iterator[str]:
    """Yields the axes with the mean curve of the explanations, and the mean and the range of the random maps."""
    top = 1.0
    if comparisons:
        ours = np.mean([one.curve for one in comparisons], axis=0)
        of_maps = np.mean([one.random for one in comparisons], axis=0)  # [maps, steps + 1]
        highest = max(1e-9, float(max(ours.max(), of_maps.max())))
        top = 1.0 if 0.2 < highest <= 1 else highest
    yield f'<text x="{left}" y="{_TOP - 10}" fill="#111111">{_text(title)}</text>'
    for share in (0, 0.5, 1):
        y = _TOP + _HEIGHT * (1 - share)
        yield f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:g}" y2="{y:g}" stroke="#dddddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4:g}" text-anchor="end" fill="#333333">{top * share:.2g}</text>'
        x = left + _WIDTH * share
        yield f'<text x="{x:g}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle" fill="#333333">{share:.0%}</text>'
    yield (
        f'<text x="{left + _WIDTH / 2:g}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle" fill="#333333">{axis}</text>'
    )
    if comparisons:
        low, high = _points(left, of_maps.min(axis=0) / top), _points(left, of_maps.max(axis=0) / top)
        yield f'<polygon points="{" ".join([*low, *reversed(high)])}" fill="{_RANDOM}" fill-opacity="0.2"/>'
        yield _curve(_points(left, of_maps.mean(axis=0) / top), _RANDOM, ' stroke-dasharray="5 4"')
        yield _curve(_points(left, ours / top), _OURS)


def _legend(y: int) -> Iterator[str]:
    middle = _LEFT + _WIDTH + _GAP
    yield _curve([f"{_LEFT},{y - 4}", f"{_LEFT + 28},{y - 4}"], _OURS)
    yield f'<text x="{_LEFT + 36}" y="{y}" fill="#111111">explanations, the mean score of the class</text>'
    yield _curve([f"{middle},{y - 4}", f"{middle + 28},{y - 4}"], _RANDOM, ' stroke-dasharray="5 4"')
    yield f'<text x="{middle + 36}" y="{y}" fill="#111111">random maps, their mean and range</text>'


def _points(left: int, shares: Floats) -> list[str]:
    last = len(shares) - 1
    return [
        f"{left + _WIDTH * step / last:.1f},{_TOP + _HEIGHT * (1 - share):.1f}"
        for step, share in enumerate(np.clip(np.nan_to_num(shares), 0, 1).tolist())
    ]


def _curve(points: list[str], color: str, more: str = "") -> str:
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="2"{more}/>'


def _description(result: CheckResult) -> str:
    parts = (
        f"Area under the {name} curve {np.mean([one.area for one in counted]):.3f}, "
        f"of random maps {np.mean([one.random_mean for one in counted]):.3f}."
        for name, counted in (("deletion", result.deletions), ("insertion", result.insertions))
        if counted
    )
    return " ".join(parts) or "No photo counts."


def _text(text: str) -> str:
    return escape(printable(text))
