"""A bar chart as SVG, which needs nothing but a text editor to look at and a browser to show."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

_COLOURS = ("#b3b9c4", "#2f6fde", "#12a37b", "#e0882f", "#9a5bd0")
_ROW, _GAP, _LEFT, _WIDTH = 22, 14, 130, 570


def save_bars(file: Path, title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> None:
    """Writes groups of horizontal bars, each with its number. The names of bars have the same colour in all groups."""
    names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    most = max(value for bars in groups.values() for value in bars.values())
    parts, y = [f'<text x="10" y="24" font-size="16" font-weight="600">{escape(title)} ({escape(unit)})</text>'], 44
    for group, bars in groups.items():
        parts.append(f'<text x="10" y="{y + 15}" font-weight="600">{escape(group)}</text>')
        y += _ROW
        for name, value in bars.items():
            width, colour = max(1.0, value / most * _WIDTH), _COLOURS[names.index(name) % len(_COLOURS)]
            parts += [
                f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{_LEFT}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 5}" rx="2" fill="{colour}"/>',
                f'<text x="{_LEFT + width + 6:.1f}" y="{y + 15}">{value:.3g}</text>',
            ]
            y += _ROW
        y += _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 70} {y}" role="img"'
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#333"'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    text = "\n".join([f"{head} {style}>", f"<title>{escape(title)}</title>", background, *parts, "</svg>"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")
