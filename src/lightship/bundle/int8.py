"""The model of int8 beside a SavedModel, and how it did when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Its files, by their paths in the version folder: the graph, its weights, and its answers for the golden sample.
INT8_MODEL = "assets.extra/openvino/int8.xml"
INT8_WEIGHTS = "assets.extra/openvino/int8.bin"
INT8_ANSWERS = "assets.extra/openvino/int8.npz"
INT8_FILES = (INT8_MODEL, INT8_WEIGHTS, INT8_ANSWERS)


@dataclass(frozen=True, slots=True)
class Int8Figures:
    """How far answers in int8 were from those in f32."""

    # What they were compared on, such as "8 rows of the golden sample".
    samples: str
    # The largest difference of two numbers of an output, as a share of the output's largest number.
    difference: float
    # How many rows had their largest number at the same place, and of how many.
    agreeing: int
    rows: int


@dataclass(frozen=True, slots=True)
class Int8Spec:
    """What the manifest says of the model of int8."""

    # The figures of the check that it passed when it was made.
    figures: tuple[Int8Figures, ...]
    # How many photos it was calibrated with.
    photos: int
    # The versions of the packages that made it.
    frameworks: Mapping[str, str]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Int8Spec:
        figures = tuple(
            Int8Figures(str(one["samples"]), float(one["difference"]), int(one["agreeing"]), int(one["rows"]))
            for one in fields["figures"]
        )
        return cls(figures, int(fields["photos"]), dict(fields["frameworks"]))

    def to_json(self) -> dict[str, Any]:
        return {
            "figures": [asdict(one) for one in self.figures],
            "photos": self.photos,
            "frameworks": dict(self.frameworks),
        }
