"""Decides whether an exported model gets explanations, and tells the user why not."""

from __future__ import annotations

from typing import Literal

from lightship.errors import InvalidArgument
from lightship.packaging.arguments import argument
from lightship.packaging.explain_signatures import CannotExplain, Explanations
from lightship.packaging.progress import Progress
from lightship.packaging.trained import TrainedModel

Explain = str | Literal[False] | None


def check_explain(explain: Explain) -> None:
    """Raises InvalidArgument for a value that is not possible."""
    if explain is not None and explain is not False and (not isinstance(explain, str) or not explain):
        raise InvalidArgument(
            f"explain is {explain!r}; give a layer's name, False for no explanations, or None for the default layer"
        )


def find_explanations(
    trained: TrainedModel, explain: Explain, classifies: bool, progress: Progress
) -> Explanations | None:
    """Returns the explanations of a model, or None, with a note if it classifies images.

    explain: the name of the layer, None for the default one, or False for none. classifies: whether the model is an
    image classifier; others have explanations only if a layer is given. Raises InvalidArgument for a layer that does
    not fit, or if the model cannot be explained although a layer was given.
    """
    if explain is False or (explain is None and not classifies):
        return None
    progress.step("finding the layer that explains the answers")
    try:
        return trained.explain(explain)
    except CannotExplain as unable:
        if explain is not None:
            raise InvalidArgument(
                f"{argument('explain')} is {explain!r}, but this model cannot be explained: {unable}; leave "
                f"{argument('explain')} out"
            ) from unable
        progress(f"explanations are left out: {unable}")
        return None
