"""Makes a model safe: refuses it if it would differ from TensorFlow, and adds guards where that depends on values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.openvino.facts import Facts, is_integer, type_name
from lightship.engines.openvino.guard_set import GuardSet
from lightship.engines.openvino.hazards import Hazards, hazards_of, static_hazards
from lightship.engines.openvino.insertion import insert
from lightship.engines.openvino.rules import facts_of

# If the model's arithmetic with integers from a client must stay exact, these are the limits of their size that are
# tried in turn. The first is half of the largest exact integer of float32, so that a size can be added. The others
# allow multiplication.
LARGEST_INTEGERS = (1 << 23, 1 << 16, 1 << 10)

FLOATS = ("f32", "f16", "bf16", "f64")


def guard(model: Any, inputs: Mapping[str, int], allowed: frozenset[str] = frozenset()) -> GuardSet:
    """Adds guards to a model, and returns what must be checked at each run.

    `inputs` holds the port of each of the signature's inputs. `allowed` holds operations that may run although they are
    not analysed. Raises CannotRun, naming the operation, if no guard can make the model equal to TensorFlow's.
    """
    names = {model.inputs[port].get_node().get_name(): name for name, port in inputs.items()}
    found, facts, largest = _hazards(model, allowed)
    if found.reasons:
        raise CannotRun(found.reasons[0])
    guards = tuple(insert(model, found.wanted, names))
    if guards:
        model.validate_nodes_and_infer_types()
    ports = {name: model.inputs[port] for name, port in inputs.items()}
    floats = tuple(name for name, port in ports.items() if found.screens and type_name(port) in FLOATS)
    # An input whose values are compared with the size that they index needs no other bound.
    held = {one.input for one in guards if one.kind == "indices" and one.sizes and one.sizes[0] <= largest}
    counted = (name for name, port in ports.items() if is_integer(port) and type_name(port) != "boolean")
    integers = [name for name in counted if name not in held]
    return GuardSet(guards, floats, tuple(integers) if largest else (), largest, facts.computes_sizes)


def refused_shapes(model: Any, *, empty: bool = False) -> str | None:
    """Returns why a model with known shapes must not run, or None if it may run.

    `empty` allows tensors without elements.
    """
    found = static_hazards(model, facts_of(model, looks_at_weights=False), empty=empty)
    return found[0] if found else None


def _hazards(model: Any, allowed: frozenset[str]) -> tuple[Hazards, Facts, int]:
    """Returns the hazards, the facts, and the largest integer for which they hold; 0 means all integers."""
    facts = facts_of(model)
    found = hazards_of(model, facts, allowed)
    for largest in LARGEST_INTEGERS:
        if not found.reasons:
            break
        limited = facts_of(model, largest)
        again = hazards_of(model, limited, allowed)
        if not again.reasons:
            return again, limited, largest
    return found, facts, 0
