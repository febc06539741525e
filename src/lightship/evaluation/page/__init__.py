"""Pieces of self-contained pages: one HTML file with its styles and photos, which loads nothing and needs no script.

Every piece escapes its texts, so that labels and file names may hold anything.
"""

from lightship.evaluation.page.cards import PhotoCard, facts, photo_cards, summary_cards
from lightship.evaluation.page.charts import Phase, Series, line_chart
from lightship.evaluation.page.confusion import confusion_matrix, confusion_pairs
from lightship.evaluation.page.frame import Section, page
from lightship.evaluation.page.markup import Markup, joined, tag, text
from lightship.evaluation.page.reliability import reliability_diagram
from lightship.evaluation.page.tables import Column, table
from lightship.evaluation.page.thumbnails import read_thumbnail, thumbnail
from lightship.evaluation.page.values import count, decimal, figure, percent
from lightship.evaluation.page.writing import write_page

__all__ = [
    "Column",
    "Markup",
    "Phase",
    "PhotoCard",
    "Section",
    "Series",
    "confusion_matrix",
    "confusion_pairs",
    "count",
    "decimal",
    "facts",
    "figure",
    "joined",
    "line_chart",
    "page",
    "percent",
    "photo_cards",
    "read_thumbnail",
    "reliability_diagram",
    "summary_cards",
    "table",
    "tag",
    "text",
    "thumbnail",
    "write_page",
]
