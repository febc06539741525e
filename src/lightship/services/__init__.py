"""The operations of the server (predict, classify, regress, metadata, status), independent of the transport."""

from lightship.services.classify import Classifications, classify, classify_steps
from lightship.services.example_inputs import with_context
from lightship.services.images import Ranking, classify_images, classify_images_steps
from lightship.services.metadata import model_metadata
from lightship.services.multi_inference import Task, multi_inference, multi_inference_steps
from lightship.services.predict import Prediction, check_signature, predict, prepare_prediction, run_together
from lightship.services.regress import Regressions, regress, regress_steps
from lightship.services.status import ModelSummary, list_models, model_status

__all__ = [
    "Classifications",
    "ModelSummary",
    "Prediction",
    "Ranking",
    "Regressions",
    "Task",
    "check_signature",
    "classify",
    "classify_images",
    "classify_images_steps",
    "classify_steps",
    "list_models",
    "model_metadata",
    "model_status",
    "multi_inference",
    "multi_inference_steps",
    "predict",
    "prepare_prediction",
    "regress",
    "regress_steps",
    "run_together",
    "with_context",
]
