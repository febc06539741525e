"""Helper processes that compile and try signatures, so that a model's crash cannot end the server."""

from lightship.engines.trial.pool import stop_helpers
from lightship.engines.trial.shared import (
    backend_trials_for,
    cache_for,
    cancel_trials,
    measuring_trials_for,
    trials_for,
)
from lightship.engines.trial.shortage import names_shortage
from lightship.engines.trial.trials import TrialFailed, Trials, retry_time

__all__ = [
    "TrialFailed",
    "Trials",
    "backend_trials_for",
    "cache_for",
    "cancel_trials",
    "measuring_trials_for",
    "names_shortage",
    "retry_time",
    "stop_helpers",
    "trials_for",
]
