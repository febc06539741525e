"""What a version can explain: the layer, the methods, and the signatures that compute them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Encoded images -> maps for the predicted class, and for given classes. A server answers these two itself.
EXPLAIN_SIGNATURE = "explain"
EXPLAIN_CLASS_SIGNATURE = "explain_class"
PUBLIC_SIGNATURES = (EXPLAIN_SIGNATURE, EXPLAIN_CLASS_SIGNATURE)

CAM, GRAD_CAM, HIRESCAM, GRAD_CAM_PLUS_PLUS = "cam", "grad-cam", "hirescam", "grad-cam++"
# The signature of each method. It takes the model's own input and the input CLASS_INDEX.
METHOD_SIGNATURES: Mapping[str, str] = {
    CAM: "explain_cam",
    GRAD_CAM: "explain_grad_cam",
    HIRESCAM: "explain_hirescam",
    GRAD_CAM_PLUS_PLUS: "explain_grad_cam_plus_plus",
}

# The input for the classes, int32 [N]; PREDICTED stands for the class with the highest score.
CLASS_INDEX = "class_index"
PREDICTED = -1

# The output with the maps, [N, h, w].
MAP = "map"


@dataclass(frozen=True, slots=True)
class ExplainSpec:
    """How the answers of an image classifier are explained."""

    # The name of the Keras layer whose output [N, h, w, C] the maps [N, h, w] weight.
    layer: str
    # The method that is used if none is asked for.
    default: str
    # The signature of each method, by the method's name.
    methods: Mapping[str, str]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ExplainSpec:
        """Returns the spec that `to_json` wrote. Raises KeyError, TypeError or ValueError if it is broken."""
        methods = {str(name): str(signature) for name, signature in dict(fields["methods"]).items()}
        default = str(fields["default"])
        if default not in methods:
            raise ValueError(f"the default method {default!r} is not one of {', '.join(methods) or 'no methods'}")
        return cls(str(fields["layer"]), default, methods)

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as they stand in `lightship.json`."""
        return {"layer": self.layer, "default": self.default, "methods": dict(self.methods)}
