"""Helper processes that compile and try signatures, so that a model's crash cannot end the server."""

from lightship.engines.trial.pool import stop_helpers
from lightship.engines.trial.shared import (
    backend_trials_for,
    cache_for,
    cancel_trials,
    measuring_trials_for,
    trials_for,
)
from lightship.engines.trial.trials import RETRY_SECONDS, TrialFailed, Trials, may_pass

__all__ = [
    "RETRY_SECONDS",
    "TrialFailed",
    "Trials",
    "backend_trials_for",
    "cache_for",
    "cancel_trials",
    "may_pass",
    "measuring_trials_for",
    "stop_helpers",
    "trials_for",
]
