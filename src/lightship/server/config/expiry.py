"""Warns of certificates of TLS that expire soon, have expired, or are not valid yet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from lightship.transports.grpc.certificates import Use, Validity, validities_of
from lightship.transports.grpc.options import Tls

logger = logging.getLogger(__name__)


# What each certificate is called, and what follows if it is not valid.
_WORDS: dict[Use, tuple[str, str]] = {
    "server": ("the server's TLS certificate", "clients refuse to connect"),
    "client_ca": ("the authority of the clients' certificates", "all clients are refused"),
}


class CertificateWarnings:
    """Writes each warning once; again if the certificate is another one."""

    def __init__(self, source: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """source: where the keys come from, as the log names it."""
        self._source, self._now = source, now
        self._last: dict[Use, tuple[str, Validity]] = {}

    def check(self, tls: Tls) -> None:
        """Looks at the keys that are used now."""
        for use, validity in validities_of(tls).items():
            self._check(use, validity)

    def _check(self, use: Use, validity: Validity) -> None:
        now, (what, effect) = self._now(), _WORDS[use]
        if validity.ends <= now:
            level, text = logging.ERROR, f"expired on {validity.ends.isoformat()}: {effect}; renew it"
        elif validity.begins > now:
            begins = validity.begins.isoformat()
            level, text = logging.ERROR, f"is not valid before {begins}: {effect}; check the clock of this machine"
        elif validity.expires_soon(now):
            ends = validity.ends.isoformat()
            level, text = logging.WARNING, f"expires soon, on {ends}; renew it, because then {effect}"
        else:
            self._last.pop(use, None)
            return
        if self._last.get(use) != (text, validity):
            self._last[use] = text, validity
            logger.log(level, "%s (%s) %s", what, self._source, text)
