"""Exports a `keras.Model`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.packaging.explain_graph import ExplainSignatures
from lightship.packaging.explain_head import find_head
from lightship.packaging.explain_signatures import CannotExplain, Explanations
from lightship.packaging.first_layers import scales_pixels
from lightship.packaging.quiet import quiet
from lightship.packaging.signatures import ImageSignatures, set_method_names
from lightship.packaging.traced_model import as_while_saving, trace
from lightship.packaging.trained import Arrays, ModelInput

if TYPE_CHECKING:
    from tensorflow import Tensor

    from lightship.images.spec import ImageSpec


# What the name of a graph's node can be. Keras' own export fails on other names.
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\\/>-]")
_looking = threading.Lock()  # held while `keras.Layer` is not as usual, because another thread may export too


class KerasModel:
    """A functional, Sequential or subclassed model. Raises FailedPrecondition if its inputs' shapes are unknown."""

    labels: tuple[str, ...] | None = None
    image: ImageSpec | None = None

    def __init__(self, model: Any) -> None:
        if keras.backend.backend() != "tensorflow":
            raise FailedPrecondition(
                f"Keras uses the backend {keras.backend.backend()!r}, but export needs tensorflow: save the model as "
                "a .keras file and export that file with KERAS_BACKEND=tensorflow in the environment"
            )
        self._model = model
        self.scales_pixels = scales_pixels(model)
        self._arguments = [_with_free_batch(argument) for argument in _arguments(model)]
        specs = keras.tree.flatten(self._arguments)
        names = _input_names([spec.name for spec in specs])
        self._specs = [tf.TensorSpec(spec.shape, spec.dtype, name) for spec, name in zip(specs, names, strict=True)]

    @property
    def inputs(self) -> Mapping[str, ModelInput]:
        return {spec.name: ModelInput(tuple(spec.shape), spec.dtype.name) for spec in self._specs}

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        tensors = [tf.constant(inputs[spec.name], spec.dtype) for spec in self._specs]
        outputs = self._call(tensors)
        return {name: keras.ops.convert_to_numpy(output) for name, output in _named_outputs(outputs).items()}

    def explain(self, layer: str | None) -> Explanations:
        if len(self._specs) != 1:
            raise CannotExplain(f"the model has {len(self._specs)} inputs, not one")
        traced = trace(lambda images: keras.tree.flatten(self._call([images])), self._specs[0])
        if traced is None:
            raise CannotExplain("the model does not have exactly one output")
        return ExplainSignatures(traced, find_head(traced, layer), self._specs[0])

    def write(self, folder: Path, image: ImageSignatures | None, explain: Explanations | None) -> None:
        archive = keras.export.ExportArchive()
        signature = keras.tree.pack_sequence_as(self._arguments, self._specs)
        with quiet():
            archive.track(self._model)
            run = archive.add_endpoint("serving_default", self._answer, input_signature=signature)
            if image is not None:
                for name, function, specs in image.functions(lambda images: self._scores(run, images)):
                    archive.add_endpoint(name, function, input_signature=specs)
            if explain is not None:
                for name, function, specs in explain.functions(image):
                    archive.add_endpoint(name, function, input_signature=specs)
            _save_once(archive)
            _trace_once(archive)
            archive.write_out(str(folder), verbose=False)
        if image is not None:
            set_method_names(folder, image.method_names)

    def _call(self, tensors: list[Tensor]) -> Any:
        return self._answer(*keras.tree.pack_sequence_as(self._arguments, tensors))

    def _answer(self, *arguments: Any) -> Any:
        """Calls the model as `predict` does. Without `training`, layers such as RandomFlip change their inputs."""
        return self._model(*arguments, training=False)

    def _scores(self, run: Any, images: Tensor) -> Tensor:
        (output,) = keras.tree.flatten(run(*keras.tree.pack_sequence_as(self._arguments, [images])))
        return output


def _save_once(archive: Any) -> None:
    """Lets Keras save each weight once.

    Keras saves its own variables, and TensorFlow's variables within them once more: the files have twice the size, and
    TensorFlow holds both in memory. Here the archive has TensorFlow's variables only. A name that is used here is
    private: if it is missing, weights are saved twice.
    """
    with suppress(AttributeError):
        saved = archive._tf_trackable
        for name in ("variables", "trainable_variables", "non_trainable_variables"):
            setattr(saved, name, [getattr(variable, "value", variable) for variable in getattr(archive, name)])


def _trace_once(archive: Any) -> None:
    """Lets Keras look for variables in the traces that are saved.

    Keras looks before TensorFlow saves, and TensorFlow uses no trace again that was made outside of saving. Otherwise
    each signature is traced twice, with the whole model. The names that are used here are private: if they are missing,
    that is what happens.
    """
    with suppress(AttributeError):
        look: Callable[[], None] = archive._filter_and_track_resources

        def look_while_saving() -> None:
            with as_while_saving(), _without_default_signatures():
                look()

        archive._filter_and_track_resources = look_while_saving


@contextmanager
def _without_default_signatures() -> Iterator[None]:
    """Keeps TensorFlow from tracing a model, and each model within it, while it looks for the tables that they have.

    Each has a function for TensorFlow's own way of saving, which is traced when it is seen. Nothing here uses it. The
    name that is used here is private: if it is missing, models are traced.
    """
    name = "_default_save_signature"
    owner = next((one for one in keras.Layer.__mro__ if name in vars(one)), None)
    if owner is None:
        yield
        return
    with _looking:
        before = vars(owner)[name]
        setattr(owner, name, None)
        try:
            yield
        finally:
            setattr(owner, name, before)


def _arguments(model: Any) -> list[Any]:
    """Returns the model's positional arguments as structures of tensor specs with a shape and a dtype."""
    if _has_symbolic_input(model):
        return [model.input]
    shapes = (model.get_build_config() or {}) if model.built else {}
    known = shapes.get("shapes_dict") or ({"input_shape": shapes["input_shape"]} if "input_shape" in shapes else {})
    if not known:
        raise FailedPrecondition(
            f"the shape of the inputs of {model.name!r} ({type(model).__name__}) is not known: call the model once on "
            "a batch of training data, model(batch), or begin it with keras.Input(shape), before you export it"
        )
    return [_specs_of_shapes(shape, model.input_dtype) for shape in known.values()]


def _has_symbolic_input(model: Any) -> bool:
    try:
        return model.input is not None
    except (AttributeError, ValueError):
        return False


def _specs_of_shapes(shapes: Any, dtype: str) -> Any:
    if isinstance(shapes, Mapping):
        return {key: _specs_of_shapes(value, dtype) for key, value in shapes.items()}
    if all(size is None or isinstance(size, int) for size in shapes):
        return tf.TensorSpec(shapes, dtype)
    return [_specs_of_shapes(value, dtype) for value in shapes]


def _with_free_batch(argument: Any) -> Any:
    def free(spec: Any) -> Any:
        if getattr(spec, "sparse", False) or getattr(spec, "ragged", False):
            raise InvalidArgument(
                f"input {spec.name!r} is sparse or ragged, but servers take dense tensors only: make the input dense"
            )
        dtype = tf.as_dtype(keras.backend.standardize_dtype(spec.dtype))
        return tf.TensorSpec((None, *spec.shape[1:]), dtype, getattr(spec, "name", None))

    return keras.tree.map_structure(free, argument)


def _input_names(names: Sequence[str | None]) -> list[str]:
    """Names inputs as `model.export()` does: by their own names, or `args_0`, `args_0_1`, ...

    A name that a graph cannot have is corrected. Of names that TensorFlow cannot tell apart, all but one get a number.
    """
    given = [name or (f"args_0_{index}" if index else "args_0") for index, name in enumerate(names)]
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for index, name in enumerate(given):
        if _NAME.fullmatch(name) and _as_compared(name) not in taken:
            chosen[index] = name
            taken.add(_as_compared(name))
    for index, name in enumerate(given):
        if index not in chosen:
            chosen[index] = _free_name(_valid_name(name), taken)
            taken.add(_as_compared(chosen[index]))
    return [chosen[index] for index in range(len(given))]


def _valid_name(name: str) -> str:
    valid = _NOT_IN_NAMES.sub("_", name)
    return valid if _NAME.fullmatch(valid) else f"input{valid}"


def _free_name(name: str, taken: Set[str]) -> str:
    numbered = (f"{name}_{number}" for number in count(1))
    return next(free for free in chain([name], numbered) if _as_compared(free) not in taken)


def _as_compared(name: str) -> str:
    """Returns what TensorFlow distinguishes names by: the argument of a Python function, and a node in any case."""
    argument = re.sub(r"[^A-Za-z0-9]", "_", name).lower()
    return argument if argument[0].isalpha() else f"arg_{argument}"


def _named_outputs(outputs: Any) -> dict[str, Any]:
    """Names outputs as `model.export()` does: by the keys of a dictionary, or `output_0`, `output_1`, ..."""
    if isinstance(outputs, Mapping):
        return {str(name): output for name, output in outputs.items()}
    return {f"output_{index}": output for index, output in enumerate(keras.tree.flatten(outputs))}
