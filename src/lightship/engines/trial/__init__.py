"""Helper processes that compile and try signatures, so that a model's crash cannot end the server."""

from lightship.engines.trial.pool import stop_helpers
from lightship.engines.trial.shared import cancel_trials, trials_for
from lightship.engines.trial.trials import TrialFailed, Trials

__all__ = ["TrialFailed", "Trials", "cancel_trials", "stop_helpers", "trials_for"]
