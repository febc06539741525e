"""What the use of NNCF leaves behind in a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("nncf")

PROGRAM = """
import logging
from lightship.packaging.quiet_nncf import quiet_nncf

before = logging.getLoggerClass()
with quiet_nncf():
    logger, handler = logging.getLogger("nncf"), logging.NullHandler()
    logger.warning("in the block")
logger.addHandler(handler)  # as pytest does
with quiet_nncf():
    logger.warning("in the block")
assert logging.getLoggerClass() is before
assert handler.level == logging.NOTSET
logger.warning("behind it")
"""


def test_the_logs_of_the_process_are_as_before() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "WARNING:nncf:behind it\n")
