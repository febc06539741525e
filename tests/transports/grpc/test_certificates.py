"""When certificates are valid is read as OpenSSL reads it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.server.certificates import Pair, issue, issue_dated, make_authority

from lightship.transports.grpc.certificates import Validity, validities, validities_of
from lightship.transports.grpc.options import Tls

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Pair:
    return make_authority(folder, "authority")


@pytest.mark.parametrize("years", [(1970, 1999), (2049, 2050), (2051, 9999)])  # the notation changes with 2050
def test_the_times_are_read_in_both_notations(folder: Path, authority: Pair, years: tuple[int, int]) -> None:
    begins, ends = (datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC) for year in years)
    dated = issue_dated(authority, folder, f"from{years[0]}", begins, ends)
    assert validities(dated.certificate.read_bytes()) == [(begins, ends)]


def test_rsa_keys_many_names_and_other_text_do_not_matter(folder: Path) -> None:
    certificate, key = folder / "rsa.pem", folder / "rsa.key"
    subject = "/C=DE/O=" + "x" * 60 + "/OU=" + "y" * 60 + "/CN=" + "z" * 60
    names = "subjectAltName=" + ",".join(f"DNS:host-{number}.example" for number in range(500))
    words = ["-newkey", "rsa:4096", "-nodes", "-keyout", key, "-out", certificate, "-subj", subject, "-addext", names]
    subprocess.run(["openssl", "req", "-x509", *words, "-days", "30", "-text"], check=True, capture_output=True)
    (one,) = validities(key.read_bytes() + certificate.read_bytes())
    assert one.ends - one.begins == 30 * DAY


def test_the_first_of_a_chain_and_the_last_of_the_authorities_count(folder: Path, authority: Pair) -> None:
    first, last = (issue_dated(authority, folder, f"d{days}", NOW, NOW + days * DAY) for days in (3, 90))
    both = last.certificate.read_bytes() + first.certificate.read_bytes()
    tls = Tls(last.key.read_bytes(), both, both, True)
    assert [one.ends for one in validities(both)] == [NOW + 90 * DAY, NOW + 3 * DAY]
    assert validities_of(tls) == {"server": (NOW, NOW + 3 * DAY), "client_ca": (NOW, NOW + 90 * DAY)}
    assert validities_of(Tls(tls.key, both, both)).keys() == {"server"}


def test_a_certificate_that_is_cut_off_has_no_times(folder: Path, authority: Pair) -> None:
    first, *lines, last = issue(authority, folder, "cut").certificate.read_text().splitlines()
    whole = "".join(lines)
    for size in range(0, 100, 4):
        assert validities("\n".join([first, whole[:size], last]).encode()) == []


@pytest.mark.parametrize(
    ("lifetime", "left", "soon"), [(365, 15, 0), (365, 13, 1), (90, 13, 1), (6, 2, 0), (6, 0.9, 1)]
)
def test_short_lived_certificates_expire_soon_only_on_their_last_sixth(lifetime: int, left: float, soon: bool) -> None:
    ends = NOW + left * DAY
    assert Validity(ends - lifetime * DAY, ends).expires_soon(NOW) == soon
