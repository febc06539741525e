"""The charts as a PNG image, drawn with Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from lightship.bench.charts import Chart, Line, charts_of
from lightship.bench.measured import Measured
from lightship.evaluation.page.axes import nice_ticks
from lightship.printable import printable

_WIDTH, _HEIGHT, _HEAD = 1000, 380, 60  # pixels of a chart, and of the title above all
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 30, 50, 80  # margins of a plot
_INK, _QUIET, _GRID, _ACCENT = "#172224", "#566568", "#dbe2e3", "#0d7377"  # those of the page
_MAX_TITLE = 110  # characters


def bench_png(measured: Measured) -> bytes:
    """Returns a PNG with all charts, one below the other."""
    charts = charts_of(measured)
    image = Image.new("RGB", (_WIDTH, _HEAD + _HEIGHT * len(charts)), "white")
    draw = ImageDraw.Draw(image)
    title = printable(" and ".join(f"{one.role}: {one.name}" for one in measured.targets))
    draw.text((20, 20), title[:_MAX_TITLE], fill=_INK, font=_font(18))
    for number, chart in enumerate(charts):
        _draw(draw, chart, _HEAD + number * _HEIGHT)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _draw(draw: ImageDraw.ImageDraw, chart: Chart, top: int) -> None:
    left, right, upper, lower = _LEFT, _WIDTH - _RIGHT, top + _TOP, top + _HEIGHT - _BOTTOM
    highest = max((value for line in chart.lines for value in line.values if math.isfinite(value)), default=0.0)
    ticks = nice_ticks(highest)
    draw.text((left, top + 10), chart.title, fill=_INK, font=_font(17))
    for tick in ticks:
        y = lower - (lower - upper) * tick / ticks[-1]
        draw.line([(left, y), (right, y)], fill=_GRID)
        draw.text((left - 10, y), f"{tick:.6g}", fill=_QUIET, font=_font(13), anchor="rm")
    for index, name in enumerate(chart.columns):
        x = _column(index, len(chart.columns), left, right)
        draw.text((x, lower + 16), name, fill=_QUIET, font=_font(13), anchor="mm")
    draw.text(((left + right) / 2, lower + 38), chart.below, fill=_QUIET, font=_font(13), anchor="mm")
    position = float(left)
    for line in chart.lines:
        _draw_line(draw, line, _points(line, ticks[-1], (left, right, upper, lower)))
        position = _draw_legend(draw, line, position, lower + 60)


def _column(index: int, count: int, left: int, right: int) -> float:
    return left + (right - left) * (index + 0.5) / count


def _points(line: Line, scale: float, frame: tuple[int, int, int, int]) -> list[tuple[float, float] | None]:
    left, right, upper, lower = frame
    return [
        (_column(index, len(line.values), left, right), lower - (lower - upper) * value / scale)
        if math.isfinite(value)
        else None
        for index, value in enumerate(line.values)
    ]


def _draw_line(draw: ImageDraw.ImageDraw, line: Line, points: Sequence[tuple[float, float] | None]) -> None:
    colour = _ACCENT if line.strong else _QUIET
    for one, other in zip(points, points[1:], strict=False):
        if one is not None and other is not None:
            draw.line([one, other], fill=colour, width=3 if line.strong else 2)
    for point in points:
        if point is not None:
            x, y = point
            draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=colour)


def _draw_legend(draw: ImageDraw.ImageDraw, line: Line, x: float, y: float) -> float:
    """Draws a line's name, and returns where the next one begins."""
    colour = _ACCENT if line.strong else _QUIET
    draw.line([(x, y), (x + 28, y)], fill=colour, width=3)
    draw.text((x + 36, y), printable(line.name), fill=_QUIET, font=_font(13), anchor="lm")
    return x + 60 + draw.textlength(line.name, font=_font(13))
