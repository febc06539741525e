"""Which shapes TensorFlow is known to refuse, so that it need not be imported to say so."""

from __future__ import annotations

from pathlib import Path

from lightship.engines.base import Arrays
from lightship.engines.openvino.variants import file_stamp
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_graph
from lightship.saved_model.refused_shapes import Shape, surely_refuses
from lightship.saved_model.signatures import Signature

# The most combinations of shapes that are remembered.
_MAX_SHAPES = 1024


class SureRefusals:
    """The shapes of one signature's inputs that TensorFlow is known to refuse. Any thread may call its methods."""

    def __init__(self, folder: Path, signature: Signature) -> None:
        self._folder, self._signature = folder, signature
        self._stamp = file_stamp(folder)
        self._known: dict[tuple[Shape, ...], bool] = {}

    def include(self, inputs: Arrays) -> bool:
        """Returns whether TensorFlow refuses inputs of these shapes, whatever their values. False if that is not known.

        The graph is read for each new combination of shapes.
        """
        key = tuple(inputs[name].shape for name in self._signature.inputs)
        if key not in self._known:
            while len(self._known) >= _MAX_SHAPES:
                self._known.pop(next(iter(self._known)), None)
            self._known[key] = self._found_out(dict(zip(self._signature.inputs, key, strict=True)))
        return self._known[key]

    def _found_out(self, shapes: dict[str, Shape]) -> bool:
        try:
            if file_stamp(self._folder) != self._stamp:  # the files are those of another model
                return False
            return surely_refuses(read_graph(self._folder, self._signature.tags), self._signature, shapes)
        except (LightshipError, OSError):
            return False
