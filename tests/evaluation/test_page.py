"""The pieces of pages: texts are escaped, axes have round numbers, photos become small, colours are a server's."""

from __future__ import annotations

import base64
import math
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.evaluation.figures_of_page import read_page

import lightship
from lightship.errors import InvalidArgument, PermissionDenied
from lightship.evaluation.page import (
    Column,
    Phase,
    Series,
    confusion_matrix,
    confusion_pairs,
    decimal,
    figure,
    line_chart,
    percent,
    read_thumbnail,
    table,
    tag,
    thumbnail,
    write_page,
)
from lightship.evaluation.page.axes import nice_ticks

SOURCE = Path(lightship.__file__).parent


def colours(css: Path) -> dict[str, str]:
    root = css.read_text("utf-8").split(":root {")[1].split("}")[0]
    return dict(re.findall(r"(--[\w-]+): (.*);", root))


def test_reports_have_the_colours_of_the_pages_of_a_server() -> None:
    served = colours(SOURCE / "transports" / "rest" / "pages" / "page.css")
    assert colours(SOURCE / "evaluation" / "page" / "page.css") == served
    assert len(served) > 10


def test_texts_and_attributes_are_escaped() -> None:
    element = tag("p", "<b>", tag("i", "&"), title='"<', data_x="'", class_="a", hidden=True, id=None)
    expected = '<p title="&quot;&lt;" data-x="&#x27;" class="a" hidden>&lt;b&gt;<i>&amp;</i></p>'
    assert element == expected


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (2.3, [0, 0.5, 1, 1.5, 2, 2.5]),
        (0.007, [0, 0.002, 0.004, 0.006, 0.008]),
        (12345, [0, 2500, 5000, 7500, 10000, 12500]),
        (0, [0, 1]),
        (math.nan, [0, 1]),
        (math.inf, [0, 1]),
    ],
)
def test_an_axis_has_round_numbers(highest: float, expected: list[float]) -> None:
    np.testing.assert_allclose(nice_ticks(highest), expected)


@pytest.mark.parametrize("highest", [1e-300, 3e-9, 0.1, 0.3, 7, 1e6, 1e300])
def test_an_axis_reaches_the_highest_value_with_few_numbers(highest: float) -> None:
    ticks = nice_ticks(highest)
    assert ticks[-1] >= highest * (1 - 1e-9)
    assert ticks[-2] < highest
    assert len(ticks) <= 7


def chart(values: list[float], phases: list[Phase], best: int | None = None) -> str:
    return line_chart("Loss", [Series("loss", "valid", "validation", values)], phases, best=best, shown=decimal)


def test_a_chart_describes_itself_and_marks_the_best_epoch() -> None:
    html = chart([2, 1, 1.5], [Phase("head", 0, 2), Phase("all", 2, 1)], best=1)
    page = read_page(html)
    assert page.figures == {"chart.0.loss": 2, "chart.1.loss": 1, "chart.2.loss": 1.5, "best_epoch": 1}
    assert "Loss over 3 epochs: validation from 2.000 to 1.500; the best epoch is 2" in html
    assert [given["width"] for tag, given in page.tags if tag == "rect"] == ["66.67%", "33.33%"]
    assert "best: 2" in page.text


def test_a_chart_of_hundreds_of_epochs_has_small_dots() -> None:
    page = read_page(chart([1.0] * 400, [Phase("all", 0, 400)]))
    assert page.count("circle", r="1") == 400


def test_a_chart_of_nothing_finite_has_axes_alone() -> None:
    page = read_page(chart([math.nan], [Phase("all", 0, 1)]))
    assert (page.count("circle"), page.count("line", **{"class": "grid"})) == (0, 2)


def test_a_figure_that_is_not_defined_is_a_dash() -> None:
    assert [percent(math.nan), decimal(math.inf)] == ["–", "–"]
    assert 'title="not defined"' in figure("f1", math.nan, percent(math.nan))


def test_the_first_cell_of_a_row_is_its_heading() -> None:
    page = read_page(table("Classes", [Column("Class"), Column("F1", numeric=True)], [["a", "b"]], sortable=True))
    assert page.count("th", scope="row") == 1
    assert page.count("td", **{"class": "number"}) == 1
    assert page.count("div", role="region", tabindex="0") == 1  # it scrolls by the keyboard


def test_a_cell_of_a_confusion_matrix_is_shaded_by_its_share_of_the_row() -> None:
    page = read_page(confusion_matrix(["a", "b", "c"], np.array([[99, 1, 0], [5, 5, 0], [0, 0, 0]])))
    kinds = {
        given["data-figure"]: given.get("class") for tag, given in page.tags if tag == "td" and "data-figure" in given
    }
    assert (kinds["confusion.0.0"], kinds["confusion.0.1"]) == ("right shade-10", "wrong shade-1")
    assert (kinds["confusion.1.0"], kinds["confusion.1.1"]) == ("wrong shade-5", "right shade-5")
    assert kinds["confusion.2.2"] is None


def test_the_most_frequent_pairs_come_first_and_the_rest_is_counted() -> None:
    page = read_page(confusion_pairs(["a", "b", "c"], np.array([[9, 1, 2], [5, 0, 1], [0, 0, 3]]), limit=2))
    assert list(page.figures) == ["confused.1.0", "confused.1.0.share", "confused.0.2", "confused.0.2.share"]
    assert "The 2 most frequent of 4 pairs" in page.text


def decoded(address: str) -> Image.Image:
    kind, data = address.split(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(data)))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("GIF", "P")]
)
def test_a_photo_of_any_kind_becomes_a_small_jpeg(kind: str, mode: str) -> None:
    small = decoded(thumbnail(encoded(Image.new(mode, (1000, 400)), kind)))
    assert (small.size, small.mode) == ((320, 128), "RGB")


def test_a_line_of_pixels_is_a_photo() -> None:
    assert decoded(thumbnail(encoded(Image.new("RGB", (20000, 1)), "PNG"))).size == (320, 1)


def test_a_small_photo_keeps_its_size_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "my garden"
    small = decoded(thumbnail(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif.tobytes())))
    assert (small.size, dict(small.getexif())) == ((30, 20), {})


def test_a_photo_that_cannot_be_read_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    assert read_thumbnail(tmp_path / "broken.jpg") is None
    assert read_thumbnail(tmp_path / "missing.jpg") is None
    assert read_thumbnail(tmp_path) is None


def test_a_page_that_may_not_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(PermissionDenied, match=r"page.html cannot be written: give this user the right"):
        write_page(tmp_path / "page.html", "<p>")


def test_a_page_on_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InvalidArgument, match="No space left on device"):
        write_page(tmp_path / "page.html", "<p>")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_utf_8_is_written_as_an_escape(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", "caf\udce9")
    assert (tmp_path / "page.html").read_text() == "caf\\udce9"
