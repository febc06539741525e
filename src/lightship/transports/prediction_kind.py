"""To which kind of work running a prediction belongs."""

from __future__ import annotations

from lightship.services.predict import Prediction
from lightship.transports.http.kinds import EXPLANATIONS, IMAGES


def prediction_kind(prediction: Prediction) -> str:
    """Returns the kind if the call takes encoded images, which may take long, and "" for any other call."""
    if not prediction.decodes_images:
        return ""
    return EXPLANATIONS if prediction.explains else IMAGES
