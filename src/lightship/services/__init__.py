"""What a call means, whichever transport brought it."""

from lightship.services.images import Ranking, classify_images
from lightship.services.metadata import model_metadata
from lightship.services.predict import NotPrompt, check_signature, predict
from lightship.services.status import ModelSummary, list_models, model_status

__all__ = [
    "ModelSummary",
    "NotPrompt",
    "Ranking",
    "check_signature",
    "classify_images",
    "list_models",
    "model_metadata",
    "model_status",
    "predict",
]
