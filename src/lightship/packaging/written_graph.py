"""What the written SavedModel computes, as far as it decides how its answers can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightship.bundle.golden import Golden
from lightship.engines.comparison import tolerance
from lightship.saved_model.reader import SavedModel, read_graph, read_saved_model
from lightship.saved_model.signature_graph import Operation, operations_of
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

# Operations that draw other numbers at each call.
_RANDOM = frozenset(
    {
        *("Multinomial", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson", "RandomPoissonV2"),
        *("RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt", "StatefulRandomBinomial"),
        *("StatefulStandardNormal", "StatefulStandardNormalV2", "StatefulTruncatedNormal", "StatefulUniform"),
        *("StatefulUniformFullInt", "StatefulUniformInt", "TruncatedNormal"),
    }
)


def random_operation(folder: Path) -> str:
    """Returns the operation of `serving_default` that draws random numbers, with its name; "" if there is none.

    It may be in a branch that is not taken, such as that of training.
    """
    model = read_saved_model(folder)
    changes_seed = DEFAULT_SIGNATURE in model.changes.writers
    for one in _operations(folder, model):
        # With a seed that is a variable, such as Keras' random layers have, the next call has another one.
        if one.op in _RANDOM or (changes_seed and one.op.startswith("StatelessRandom")):
            return f"{one.op} ({one.name})"
    return ""


def with_tolerances(golden: Golden, folder: Path) -> Golden:
    """Returns the golden sample with the tolerances of bfloat16 if `serving_default` computes in it.

    TensorFlow's kernels, of which a server uses others than training does, round at different places.
    """
    if not any("bfloat16" in one.attributes.values() for one in _operations(folder, read_saved_model(folder))):
        return golden
    rtol, atol = tolerance("bf16")
    return replace(golden, rtol=rtol, atol=atol)


def _operations(folder: Path, model: SavedModel) -> Sequence[Operation]:
    signature = model.signatures.get(DEFAULT_SIGNATURE)
    return () if signature is None else operations_of(read_graph(folder, signature.tags), signature)
