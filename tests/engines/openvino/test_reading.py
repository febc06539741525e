"""A signature is read from a temporary folder with links, or with copies where this user may make no links."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lightship.engines.openvino.reading import read_signature
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.versions import SAVED_MODEL_FILE

VERSION = Path(__file__).parents[2] / "models" / "half_plus_two" / "123"


@pytest.mark.parametrize("links", [True, False])
def test_a_signature_is_read_with_and_without_links(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    version = shutil.copytree(VERSION, tmp_path / "1")
    signature = read_saved_model(version).signatures["serving_default"]
    # OpenVINO reads text as little as it reads other names, so this version is read by way of a temporary folder.
    (version / SAVED_MODEL_FILE).rename(version / "kept")
    monkeypatch.setattr(
        "lightship.engines.openvino.reading.saved_model_bytes", lambda _: (version / "kept").read_bytes()
    )
    if not links:
        monkeypatch.setattr(os, "symlink", refuse)
    model = read_signature(version, signature)
    assert [parameter.get_type_name() for parameter in model.get_parameters()] == ["Parameter"]
    assert "ReadValue" not in {operation.get_type_name() for operation in model.get_ops()}
