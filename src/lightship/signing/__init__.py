"""Signed versions, through OpenSSF's model-signing: signs them, and copies them for a server once they are verified."""

from lightship.signing.signing import sign
from lightship.signing.verified_copies import VerifiedCopies
from lightship.signing.verifier import Verifier

__all__ = ["VerifiedCopies", "Verifier", "sign"]
