"""Imports scikit-learn, which the other tests hide (tests/conftest.py): the figures are compared with its."""

import sys

from tests.conftest import WITHOUT_SCIKIT_LEARN

sys.path.remove(WITHOUT_SCIKIT_LEARN)
import sklearn.calibration
import sklearn.dummy
import sklearn.metrics  # noqa: F401

sys.path.insert(0, WITHOUT_SCIKIT_LEARN)
