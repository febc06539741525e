"""The comparison of `lightship verify`: inputs for each signature, the two sides that run them, and the verdict."""

from lightship.cli.verification.results import SignatureResult, Verdict, Verification
from lightship.cli.verification.samples import read_samples
from lightship.cli.verification.sides import local_tensorflow, remote_server, serving_engine
from lightship.cli.verification.verifying import Tolerance, verify_signatures

__all__ = [
    "SignatureResult",
    "Tolerance",
    "Verdict",
    "Verification",
    "local_tensorflow",
    "read_samples",
    "remote_server",
    "serving_engine",
    "verify_signatures",
]
