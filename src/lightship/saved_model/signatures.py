"""Signatures: named inputs and outputs of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.tensors.dtypes import DataType

DEFAULT_SIGNATURE = "serving_default"
# TensorFlow 2 files its initializer as a signature; it runs when the model is loaded, never for a client.
INIT_SIGNATURE = "__saved_model_init_op"
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
SERVE = ("serve",)  # the tags of the graph that is served unless others are asked for


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a signature.

    name: its key in the signature. shape: -1 is a free dimension, None an unknown rank.
    tensor: its name in the graph, such as "x:0"; empty for a sparse or composite tensor.
    fed: the dtype of the placeholder that an input is fed to, where the signature declares another. replaces_default:
    whether that placeholder has a value of its own, which an input takes the place of.
    """

    name: str
    dtype: DataType
    shape: tuple[int, ...] | None
    tensor: str
    fed: DataType | None = None
    replaces_default: bool = False

    @property
    def taken(self) -> DataType:
        """The dtype that the graph takes, whatever the signature declares."""
        return self.dtype if self.fed is None else self.fed


@dataclass(frozen=True, slots=True)
class Signature:
    """A named set of inputs and outputs, both sorted by name. `definition` is the whole `tensorflow.SignatureDef`.

    tags: of the graph that has it. alone: whether the file has no other graph.
    """

    name: str
    method_name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    definition: Any
    tags: tuple[str, ...] = SERVE
    alone: bool = True
