"""Signatures: named sets of inputs and outputs of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.tensors.dtypes import DataType

DEFAULT_SIGNATURE = "serving_default"
# TensorFlow 2 stores its initializer as a signature. It runs when the model is loaded, never for a client.
INIT_SIGNATURE = "__saved_model_init_op"
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
SERVE = ("serve",)  # the tags of the graph that is served by default


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a signature."""

    # Its key in the signature.
    name: str
    dtype: DataType
    # -1 is a free dimension; None is an unknown rank.
    shape: tuple[int, ...] | None
    # Its name in the graph, such as "x:0"; empty for a sparse or composite tensor.
    tensor: str
    # The dtype of the placeholder that an input is fed to, if the signature declares another one.
    fed: DataType | None = None
    # Whether that placeholder has a default value.
    replaces_default: bool = False

    @property
    def taken(self) -> DataType:
        """The dtype that the graph takes, which may differ from the declared one."""
        return self.dtype if self.fed is None else self.fed


@dataclass(frozen=True, slots=True)
class Signature:
    """A named set of inputs and outputs, both sorted by name."""

    name: str
    method_name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    # The complete `tensorflow.SignatureDef`.
    definition: Any
    # The tags of its graph.
    tags: tuple[str, ...] = SERVE
    # Whether the file contains no other graph.
    alone: bool = True
