"""The keys of TLS are read again while a server runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.server.config.tls import SslConfigFile, read_changed
from lightship.transports.grpc.options import Tls


def test_a_file_that_is_just_being_written_is_not_taken_by_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, keys = tmp_path / "ssl.config", 'server_key: "K" server_cert: "C"'
    used = Tls(b"old", b"old")
    rest = [keys, keys + ' custom_ca: "A"', keys + ' custom_ca: "A" client_verify: true']
    file.write_text(rest.pop(0))
    monkeypatch.setattr("time.sleep", lambda _: file.write_text(rest.pop(0)) if rest else None)
    whole = Tls(b"K", b"C", b"A", True)
    assert read_changed(SslConfigFile(str(file)), used) == whole
    assert read_changed(SslConfigFile(str(file)), whole) is None
