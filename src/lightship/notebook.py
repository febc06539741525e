"""What notebooks show of an object: small tables in HTML, without scripts, styles or resources from elsewhere.

All text is escaped: labels, names and error messages may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from lightship.printable import printable

_LEFT = "text-align:left"
_BAR = "display:inline-block;height:0.7em;background:#4c78a8"
_BAR_EM = 10  # the width of a full bar


class Markup(str):
    """HTML that is shown as it is. Any other text is escaped."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Returns the HTML of a text, in which control characters are shown as escapes."""
    return value if isinstance(value, Markup) else Markup(escape(printable(str(value))))


def link(url: str) -> Markup:
    """Returns a link to an address of HTTP; of any other one only its text."""
    if not url.startswith(("http://", "https://")):
        return text(url)
    return Markup(f'<a href="{text(url)}" target="_blank" rel="noreferrer">{text(url)}</a>')


def bar(share: float) -> Markup:
    """Returns a bar for a share from 0 to 1; nothing for any other number."""
    if not 0 <= share <= 1:
        return Markup("")
    return Markup(f'<span style="{_BAR};width:{_BAR_EM * share:.2f}em"></span>')


def image(data: str, description: object) -> Markup:
    """Returns a picture. data: its whole content as an address of the scheme `data:image`; nothing is loaded."""
    if not data.startswith("data:image/"):
        return text(description)
    return Markup(f'<img src="{text(data)}" alt="{text(description)}">')


def table(title: object, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Returns a table with a title. Cells and titles are escaped unless they are `Markup`."""
    head = "".join(f'<th style="{_LEFT}">{text(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return (
        f"<div><div>{text(title)}</div><table>{f'<thead><tr>{head}</tr></thead>' if head else ''}"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: object) -> str:
    return f'<td style="{_LEFT}">{text(value)}</td>'
