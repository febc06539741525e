"""What the written SavedModel computes, as far as it decides how its answers can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightship.bundle.golden import Golden
from lightship.engines.comparison import tolerance
from lightship.errors import FailedPrecondition
from lightship.saved_model.reader import read_graph, read_saved_model
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


def check_repeatable(folder: Path) -> None:
    """Raises FailedPrecondition if `serving_default` draws random numbers, so that each call has another answer."""
    model = read_saved_model(folder)
    changes_seed = DEFAULT_SIGNATURE in model.changes.writers
    for one in _operations(folder):
        # With a seed that is a variable, such as Keras' random layers have, the next call has another one.
        if one.op in _RANDOM or (changes_seed and one.op.startswith("StatelessRandom")):
            raise FailedPrecondition(
                f"the graph has {one.op} ({one.name}), which draws random numbers, so it gives another answer at each "
                "call, and the incomplete export was removed. Layers such as RandomFlip do so where the model is not "
                "called with training=False: save it with a signature that does, or export the Keras model itself"
            )


def with_tolerances(golden: Golden, folder: Path) -> Golden:
    """Returns the golden sample with the tolerances of bfloat16 if `serving_default` computes in it.

    TensorFlow's kernels, of which a server uses others than training does, round at different places.
    """
    if not any("bfloat16" in one.attributes.values() for one in _operations(folder)):
        return golden
    rtol, atol = tolerance("bf16")
    return replace(golden, rtol=rtol, atol=atol)


def _operations(folder: Path) -> Sequence[Operation]:
    signature = read_saved_model(folder).signatures.get(DEFAULT_SIGNATURE)
    return () if signature is None else operations_of(read_graph(folder, signature.tags), signature)
