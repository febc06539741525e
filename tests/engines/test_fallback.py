"""What OpenVINO refuses at run time is asked of TensorFlow, which then keeps the signature if it has to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines import load_engine
from lightship.engines.base import Refused
from lightship.engines.openvino.compiled import Compiled
from lightship.errors import InvalidArgument
from lightship.saved_model.reader import read_saved_model

pytestmark = pytest.mark.tensorflow

ONES = np.ones((2, 1), np.float32)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """OpenVINO's runs, all of which it refuses."""
    runs: list[str] = []

    def refuse(self: Compiled, *arguments: Any) -> Any:
        runs.append("refused")
        raise Refused(InvalidArgument("it cannot"), lasting=True)

    monkeypatch.setattr(Compiled, "_run", refuse)
    return runs


def test_a_signature_stays_on_tensorflow_where_openvino_refuses_a_declared_shape(
    odd_version: Path, refusing: list[str]
) -> None:
    engine = load_engine(odd_version, read_saved_model(odd_version))
    for _ in range(3):
        assert engine.run("serving_default", {"x": ONES})["y"].tolist() == [[2.5], [2.5]]
    assert len(refusing) == 1
    found = {report.signature: report for report in engine.reports()}["serving_default"]
    assert found.engine == "tensorflow"
    assert found.reason == "OpenVINO refused an input that TensorFlow answers: it cannot"
    engine.close()


def test_it_does_not_stay_where_tensorflow_refuses_too(odd_version: Path, refusing: list[str]) -> None:
    engine = load_engine(odd_version, read_saved_model(odd_version))
    for _ in range(2):
        with pytest.raises(InvalidArgument, match="division by zero"):
            engine.run("quotient", {"x": np.zeros(2, np.int32)})
    engine.close()
