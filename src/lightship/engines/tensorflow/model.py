"""The TensorFlow engine, for signatures that OpenVINO cannot run.

TensorFlow is imported only when a signature needs it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import EngineOptions
from lightship.engines.tensorflow.importing import import_tensorflow
from lightship.errors import Code, InvalidArgument, LightshipError, ResourceExhausted, error_of
from lightship.memory import leave_large_garbage
from lightship.pauses import PAUSES
from lightship.processors import engine_threads, schedulable_cpus
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import Signature
from lightship.threads import RAISE_LIMITS, startable_threads

_MAX_CALLABLES = 64
_OTHER_THREADS = 8

# The second line says where the node was defined. TensorFlow writes it only if it still knows.
_PREAMBLE = re.compile(r"Graph execution error:\n\n(Detected at node .*?\nNode: '[^'\n]*'\n)?", re.DOTALL)


class TensorFlowModel:
    """A SavedModel in its own session, as in TensorFlow Serving.

    Declared shapes are not enforced: the graph's placeholders are replaced by placeholders that accept any shape.
    """

    def __init__(
        self, folder: Path, saved_model: SavedModel, options: EngineOptions, *, optimised: bool = True
    ) -> None:
        """Loads the variables and tables.

        optimised: whether TensorFlow optimises a graph before its first run. That takes longer than some runs without.

        Raises TensorFlow's errors as Lightship's errors with the same codes, and ResourceExhausted if the system has
        too few threads for it.
        """
        tf = import_tensorflow()
        self._errors = tf.errors.OpError
        self._session = _session(tf, options, optimised)
        try:
            with self._session.graph.as_default(), _quiet(tf.get_logger()):
                placeholders = _placeholders(tf, saved_model)
                tf.compat.v1.saved_model.load(
                    self._session, list(saved_model.tags), str(folder), input_map=placeholders
                )
                self._feeds = {tensor: placeholder.name for tensor, placeholder in placeholders.items()}
        except (tf.errors.OpError, OSError, RuntimeError, ValueError) as error:
            self.close()
            raise _load_error(error, folder) from error

    def program(self, signature: Signature) -> TensorFlowProgram:
        return TensorFlowProgram(self._session, self._errors, signature, self._feeds)

    def close(self) -> None:
        """Closes the session. Its variables are freed by a full collection: its graph refers to itself."""
        self._session.close()
        leave_large_garbage()


class TensorFlowProgram:
    """One signature of a `TensorFlowModel`. Any thread may call its methods."""

    def __init__(self, session: Any, errors: Any, signature: Signature, feeds: Mapping[str, str]) -> None:
        self._session, self._errors, self._signature, self._feeds = session, errors, signature, feeds
        self._fed = {spec.tensor: name for name, spec in signature.inputs.items()}
        self._callables: dict[tuple[str, ...], Any] = {}
        self._lock = Lock()

    def try_run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> None:
        """Always returns None, because any TensorFlow operation may block."""
        return None

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the signature. Raises TensorFlow's errors as Lightship's errors with the same code and text."""
        tensors = [self._signature.outputs[name].tensor for name in outputs]
        fetches = tuple(dict.fromkeys(tensor for tensor in tensors if tensor not in self._fed))
        try:
            call = self._callables.get(fetches) or self._callable(fetches)
            with PAUSES:
                values = call(*[inputs[name] for name in self._fed.values()]) if fetches else ()
        except self._errors as error:
            raise _translated(error) from error
        except UnicodeDecodeError as error:
            # The error's text contains bytes of a client that are not UTF-8. TensorFlow's binding cannot decode it and
            # loses the error's code.
            raise InvalidArgument(error.object.decode("utf-8", "backslashreplace")) from error
        fetched = dict(zip(fetches, map(_array, values), strict=True))
        return {
            name: fetched[tensor] if tensor in fetched else inputs[self._fed[tensor]].copy()
            for name, tensor in zip(outputs, tensors, strict=True)
        }

    def close(self) -> None:
        self._callables.clear()

    def _callable(self, fetches: tuple[str, ...]) -> Any:
        """Returns a callable for these fetches. `Session.run` takes 0.2 ms longer per run."""
        with self._lock:
            if len(self._callables) >= _MAX_CALLABLES:
                self._callables.clear()
            if "" in (*self._fed, *fetches):
                raise InvalidArgument(
                    f'signature "{self._signature.name}" has a sparse or composite tensor among its inputs or outputs; '
                    "neither one array nor one list can hold that: export it with dense ones"
                )
            options = _callable_options(
                feed=[self._feeds.get(tensor, tensor) for tensor in self._fed],
                fetch=[self._feeds.get(tensor, tensor) for tensor in fetches],
            )
            self._callables[fetches] = self._session._make_callable_from_options(options)
            return self._callables[fetches]


def _array(value: Any) -> NDArray[Any]:
    """Converts a fetched value to an array. A scalar string comes as bytes, which numpy would cut at zero bytes."""
    if not isinstance(value, bytes):
        return np.asarray(value)
    array = np.empty((), object)
    array[()] = value
    return array


def _callable_options(feed: list[str], fetch: list[str]) -> Any:
    from tensorflow.core.protobuf.config_pb2 import CallableOptions

    return CallableOptions(feed=feed, fetch=fetch)


def _placeholders(tf: Any, saved_model: SavedModel) -> dict[str, Any]:
    """Returns a new placeholder for each placeholder that a signature feeds, by the name of its tensor in the graph.

    A placeholder with a default value is not replaced, because signatures that do not feed it use the default.
    """
    tensors = {spec.tensor for signature in saved_model.signatures.values() for spec in signature.inputs.values()}
    known = saved_model.placeholders
    fed = [tensor for tensor in sorted(tensors) if tensor.removesuffix(":0") in known]
    return {
        tensor: tf.compat.v1.placeholder(
            tf.dtypes.as_dtype(int(known[tensor.removesuffix(":0")])), shape=None, name=f"feed_{index}"
        )
        for index, tensor in enumerate(fed)
    }


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Suppresses the advice to use `tf.saved_model.load`, which would enforce the declared shapes."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _session(tf: Any, options: EngineOptions, optimised: bool) -> Any:
    threads = options.threads or engine_threads()
    _require_threads(2 * (threads or schedulable_cpus()) + _OTHER_THREADS)  # it has two pools
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    config.graph_options.rewrite_options.disable_meta_optimizer = not optimised
    return tf.compat.v1.Session(graph=tf.Graph(), config=config)


@cache
def _require_threads(count: int) -> None:
    """Raises ResourceExhausted if the system does not allow so many: TensorFlow would end the process.

    Looks once, unless that fails, because all sessions share the threads of the first.
    """
    allowed = startable_threads(count)
    if allowed < count:
        raise ResourceExhausted(f"TensorFlow needs {count} threads, and the system allows {allowed}: {RAISE_LIMITS}")


def _load_error(error: Exception, folder: Path) -> LightshipError:
    """Returns the error of a failed load without the text that `Session.run` puts before the runtime's text.

    Loading restores the variables with `Session.run`.
    """
    whole = _translated(error)
    return error_of(whole.code, f"TensorFlow cannot load {folder}: {_PREAMBLE.sub('', whole.message)}")


def _translated(error: Exception) -> LightshipError:
    """Returns Lightship's error with the same code and with the runtime's whole text, which names the failed node."""
    code = getattr(error, "error_code", int(Code.DATA_LOSS))
    text = str(getattr(error, "message", error))
    return error_of(Code(code) if code in Code._value2member_map_ else Code.UNKNOWN, text)
