"""An operator learns of certificates that expire."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from urllib.request import urlopen

import pytest
from tests.server.certificates import issue_dated, make_authority
from tests.server.workers.conftest import eventually

from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.server.config.expiry import CertificateWarnings
from lightship.server.config.tls import TlsFiles, read_tls
from lightship.transports.grpc.options import GrpcOptions

DAY = timedelta(days=1)
NAME = "lightship_tls_certificate_expiry_timestamp_seconds"


def test_each_state_of_a_certificate_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    ends = begins + 90 * DAY
    pair = issue_dated(make_authority(tmp_path, "authority"), tmp_path, "server", begins, ends)
    now = [begins]
    warnings, tls = CertificateWarnings("server.pem", lambda: now[0]), read_tls(pair.certificate, pair.key)

    def check(moment: datetime) -> list[tuple[int, str]]:
        now[0] = moment
        caplog.clear()
        for _ in range(3):
            warnings.check(tls)
        return [(one.levelno, one.getMessage()) for one in caplog.records]

    what = "the server's TLS certificate (server.pem)"
    ((level, text),) = check(begins - DAY)
    assert level == logging.ERROR
    assert text.startswith(f"{what} is not valid before 2026-01-01T00:00:00+00:00: clients refuse to connect")
    assert check(begins) == check(ends - 20 * DAY) == []
    ((level, text),) = check(ends - 13 * DAY)
    assert level == logging.WARNING
    assert text.startswith(f"{what} expires soon, on 2026-04-01T00:00:00+00:00")
    assert check(ends - 12 * DAY) == []
    ((level, text),) = check(ends)
    assert level == logging.ERROR
    assert text == f"{what} expired on 2026-04-01T00:00:00+00:00: clients refuse to connect; renew it"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_tells_when_its_certificates_expire_until_they_are_renewed(
    tmp_path: Path, half_plus_two: Path, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    authority = make_authority(tmp_path, "authority")
    expired = issue_dated(authority, tmp_path, "expired", now - 90 * DAY, now - DAY)
    renewed = issue_dated(authority, tmp_path, "renewed", now - DAY, now + 90 * DAY)
    ca = copyfile(authority.certificate, tmp_path / "used.ca")
    used = TlsFiles(
        copyfile(expired.certificate, tmp_path / "used.pem"), copyfile(expired.key, tmp_path / "used.key"), ca
    )
    options = ServerOptions(
        [parse_model_argument(f"m={half_plus_two}")],
        rest_port="auto",
        grpc_port="auto",
        grpc=GrpcOptions(tls=used.read()),
        tls_files=used,
        workers=workers,
    )

    def shown(use: str) -> int:
        with urlopen(f"{server.rest_url}/metrics", timeout=60) as page:
            (found,) = re.findall(f'^{NAME}{{use="{use}"}} (.*)$', page.read().decode(), re.MULTILINE)
        return int(found)

    with Server(options) as server:
        assert server.wait_ready(120)
        eventually(lambda: "used.ca) expired on" in caplog.text)
        assert shown("server") == (now - DAY).timestamp()
        assert abs(shown("client_ca") - (now + 2 * DAY).timestamp()) < 600
        copyfile(renewed.key, used.key)
        copyfile(renewed.certificate, used.certificate)
        server.reread()
        eventually(lambda: shown("server") == (now + 90 * DAY).timestamp())
    assert caplog.text.count("expired on") == 1
