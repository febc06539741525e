"""What a servable says of itself."""

from __future__ import annotations

from lightship.lifecycle import Servable
from lightship.services import model_metadata


def test_all_signatures_are_reported(half: Servable) -> None:
    signatures = model_metadata(half).signature_def
    assert sorted(signatures) == ["__saved_model_init_op", "classify_x_to_y", "regress_x_to_y", "serving_default"]
    x = signatures["serving_default"].inputs["x"]
    assert x.name == "serving_default_x:0"
    assert [dim.size for dim in x.tensor_shape.dim] == [-1, 1]
