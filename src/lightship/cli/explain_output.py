"""What `lightship explain` prints about an explanation, and the files that it writes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.cli.output import add_row, print_json, print_styled
from lightship.errors import InvalidArgument, PermissionDenied
from lightship.printable import printable

if TYPE_CHECKING:
    from lightship.client import Explanation

_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")  # of files; labels come from a model, and may be anything
_MAX_NAME = 100  # characters of a label in a file's name


@dataclass(frozen=True, slots=True)
class Format:
    """How explanations are shown."""

    # A file or a folder; None for neither.
    output: str | None
    colormap: str | None
    alpha: float | None
    json: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The explanation of one photo and class."""

    photo: str
    # As the user named it; None for the best class.
    class_: str | None
    shown: Explanation


class Output:
    """Prints and writes explanations."""

    def __init__(self, format: Format, photos: Sequence[str], classes: Sequence[str | None]) -> None:
        """Raises InvalidArgument for an output that cannot be one, before anything is explained."""
        self._format, self._several_classes = format, len(classes) > 1
        self._is_folder, self._used = False, set[str]()
        if format.output is not None:
            several = len(photos) > 1 or len(classes) > 1 or os.path.isdir(photos[0])
            self._is_folder = _is_folder(format.output, several)
        if format.colormap is not None:
            from lightship.images.colormaps import check_colormap

            check_colormap(format.colormap)
        self._last_photo: str | None = None

    def show(self, answer: Answer) -> None:
        """Raises InvalidArgument or PermissionDenied if the file cannot be written."""
        path = self._written(answer)
        if self._format.json:
            print_json(_fields(answer, path))
        else:
            self._print_table(answer, path)

    def _written(self, answer: Answer) -> str | None:
        output = self._format.output
        if output is None:
            return None
        path = str(Path(output) / self._name(answer)) if self._is_folder else output
        answer.shown.save(path, colormap=self._format.colormap, alpha=self._format.alpha)
        return path

    def _name(self, answer: Answer) -> str:
        """Returns a file name that this command has not used yet."""
        name = "photo" if answer.photo == "-" else Path(answer.photo).stem
        if self._several_classes:
            label = answer.shown.label or str(answer.shown.class_index)
            name += f"-{_NOT_IN_NAMES.sub('_', label)[:_MAX_NAME]}"
        number, found = 1, name
        while found.casefold() in self._used:
            number += 1
            found = f"{name}-{number}"
        self._used.add(found.casefold())
        return f"{found}.png"

    def _print_table(self, answer: Answer, path: str | None) -> None:
        from rich.table import Table

        if answer.photo != self._last_photo:
            print_styled(printable(answer.photo), style="bold")
            self._last_photo = answer.photo
        shown = answer.shown
        table = Table(box=None, show_header=False, padding=(0, 2))
        for justify in ("left", "right", "left", "left"):
            table.add_column(justify=justify, no_wrap=True)
        x, y = shown.peak
        how = f"{shown.method or 'default method'}{f' at {shown.layer}' if shown.layer else ''}"
        label = shown.label or f"class {shown.class_index}"
        add_row(table, label, f"{shown.score:.3f}", f"{how}, peak at {x:.0%} {y:.0%}", *([path] if path else []))
        print_styled(table)


def _is_folder(output: str, several: bool) -> bool:
    """Whether the output is a folder, which is made if it does not exist.

    Raises InvalidArgument or PermissionDenied for what cannot be written.
    """
    from lightship.client.explanations import checked_suffix

    if not output:
        raise InvalidArgument("-o is empty: give a file or a folder to write to")
    if not os.path.isdir(output):
        has_suffix = bool(Path(output).suffix) and not output.endswith(("/", os.sep))
        if not several or has_suffix:
            checked_suffix(output)
            if several:
                raise InvalidArgument(f"{output} is one file, but there can be several heat maps: give a folder for -o")
            return False
        try:
            os.makedirs(output, exist_ok=True)
        except PermissionError as error:
            raise PermissionDenied(f"{output} cannot be made: give this user the right to write there") from error
        except OSError as error:
            raise InvalidArgument(f"{output} cannot be made: {error.strerror or error}") from error
    return True


def _fields(answer: Answer, path: str | None) -> dict[str, object]:
    shown = answer.shown
    return {
        "photo": answer.photo,
        "label": shown.label,
        "class_index": shown.class_index,
        "score": shown.score,
        "logit": shown.logit,
        "method": shown.method,
        "layer": shown.layer,
        "peak": shown.peak,
        "map": shown.map.tolist(),
        "model": shown.model,
        "version": shown.version,
        "file": path,
    }
