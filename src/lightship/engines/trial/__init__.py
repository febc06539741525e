"""Helper processes in which signatures are compiled and tried, so that no model can end the server."""

from lightship.engines.trial.shared import cancel_trials, trials_for
from lightship.engines.trial.trials import TrialFailed, Trials

__all__ = ["TrialFailed", "Trials", "cancel_trials", "trials_for"]
