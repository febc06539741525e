"""Compares an engine's answers with TensorFlow's, in the helper process that tries a signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun, EngineOptions, Refused
from lightship.engines.comparison import differences, random_inputs, whole_numbers
from lightship.engines.folder_stamp import stamp_of_folder
from lightship.engines.tensorflow import TensorFlowModel, import_tensorflow
from lightship.errors import LightshipError
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import Signature
from lightship.saved_model.versions import model_bytes

Arrays = Mapping[str, NDArray[Any]]
# Returns the outputs for these inputs.
Run = Callable[[Arrays], Arrays]

# How the answers of a signature were checked.
GOLDEN, COMPARED, TABLE_ONLY = "golden sample", "compared with TensorFlow", "table only"

# The numbers of rows of the inputs on which both engines are compared.
_COMPARED_ROWS = (1, 3)
# A larger version is not kept for the next signature. TensorFlow holds more than twice as much in memory, and a helper
# process that is too large is not used again.
_MAX_KEPT_BYTES = 128 << 20


class Reference:
    """Loads a version with TensorFlow, and keeps it for the next signature of the same files.

    Loading takes longer than running it. Only one version is kept, and none with a signature that changes variables:
    what the next signature gives would depend on the runs before.
    """

    def __init__(self, *, in_helper: bool = False) -> None:
        """in_helper: TensorFlow's modules may be set aside from the garbage collector; only a helper process may."""
        self._in_helper = in_helper
        self._kept: tuple[object, TensorFlowModel] | None = None

    @contextmanager
    def of(self, folder: Path, model: SavedModel, options: EngineOptions) -> Iterator[TensorFlowModel]:
        """Raises TensorFlow's errors as Lightship's errors with the same codes."""
        files = (folder, stamp_of_folder(folder), model.tags, options.threads)
        if self._kept is None or self._kept[0] != files:
            self.close()
            import_tensorflow(set_aside=self._in_helper)
            self._kept = files, TensorFlowModel(folder, model, options, optimised=False)
        keep = False
        try:
            yield self._kept[1]
            with suppress(OSError, LightshipError):  # files may be removed meanwhile
                keep = not model.changes.writers and model_bytes(folder) <= _MAX_KEPT_BYTES
        finally:
            if not keep:
                self.close()

    def close(self) -> None:
        """Gives the memory of the version back."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept[1].close()


def compared_with_tensorflow(
    engine: str,
    runs: Callable[[Arrays], Iterable[Run]],
    folder: Path,
    model: SavedModel,
    signature: Signature,
    options: EngineOptions,
    apart: tuple[float, float],
    reference: Reference,
) -> bool:
    """Returns whether an engine's answers were compared with TensorFlow's: False if no inputs could be guessed.

    engine: the engine's name in errors.
    runs: returns what to compare for some inputs, such as a model for any number of rows and one for a single row.
    apart: the allowed differences, relative and absolute.
    reference: loads the version with TensorFlow.

    Raises CannotRun if the answers differ.
    """
    rng = np.random.default_rng(1)
    guessed = [inputs for rows in _COMPARED_ROWS if (inputs := random_inputs(signature, rows, rng)) is not None]
    samples = [*guessed, *map(whole_numbers, guessed)]
    if not samples:
        return False
    with reference.of(folder, model, options) as loaded, closing(loaded.program(signature)) as program:
        names = tuple(signature.outputs)
        found = [_compare(engine, runs(inputs), lambda x: program.run(x, names), inputs, apart) for inputs in samples]
    return any(found)


def _compare(engine: str, runs: Iterable[Run], reference: Run, inputs: Arrays, apart: tuple[float, float]) -> bool:
    """Compares the answers for one input. Returns False if TensorFlow or the engine does not take these random values.

    Raises CannotRun if the answers differ.
    """
    try:
        expected = reference(inputs)
    except LightshipError:
        return False
    for run in runs:
        answer = _answer(engine, run, inputs)
        if answer is None:
            return False
        different = differences(expected, answer, *apart)
        if different is not None:
            raise CannotRun(f"{engine}'s answers differ from TensorFlow's: {different}")
    return True


def _answer(engine: str, run: Run, inputs: Arrays) -> Arrays | None:
    """Returns the outputs, or None if the engine does not run with these values and would leave such a request to
    TensorFlow."""
    try:
        return run(inputs)
    except Refused:
        raise
    except CannotRun:
        return None
    except LightshipError as error:
        raise CannotRun(f"{engine} refuses what TensorFlow answers: {error.message}") from error
