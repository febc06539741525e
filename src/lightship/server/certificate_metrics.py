"""Tells when the certificates of TLS expire."""

from __future__ import annotations

from collections.abc import Mapping

from lightship.transports.grpc.certificates import Use, Validity
from lightship.transports.metrics.own.families import own_gauge
from lightship.transports.metrics.text import Family


def certificate_families(validities: Mapping[Use, Validity]) -> list[Family]:
    """Returns a metric that has no samples without TLS."""
    text = "When the TLS certificate of gRPC expires, in seconds since 1970."
    samples = [({"use": use}, int(one.ends.timestamp())) for use, one in validities.items()]
    return [own_gauge("lightship_tls_certificate_expiry_timestamp_seconds", text, samples)]
