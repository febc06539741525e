"""A model made safe: what is not equal to TensorFlow is refused, and guards are put where values decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.openvino.facts import Facts, is_integer, type_name
from lightship.engines.openvino.guards import Guard, Guards
from lightship.engines.openvino.hazards import Hazards, hazards_of, static_hazards
from lightship.engines.openvino.insertion import insert
from lightship.engines.openvino.rules import facts_of

# How large the integers of a client may be, where the model's arithmetic with them must stay exact: half of what
# float32 holds, so that a size can be added; less, where they are multiplied.
LARGEST_INTEGERS = (1 << 23, 1 << 16, 1 << 10)

_FLOATS = ("f32", "f16", "bf16", "f64")


@dataclass(frozen=True, slots=True)
class GuardSet:
    """What is checked at each run of one compiled model; names are the signature's inputs."""

    guards: tuple[Guard, ...] = ()
    # Inputs that must hold no NaN, no infinity and no huge number.
    finite: tuple[str, ...] = ()
    # Inputs whose integers must be at most `largest`.
    integers: tuple[str, ...] = ()
    largest: int = 0
    # Whether the model computes with sizes, which must stay exact too: then no input may have too many elements.
    sizes: bool = False

    def checks(self) -> Guards:
        return Guards(self.guards, self.finite, self.integers, self.largest, self.sizes)

    def as_json(self) -> dict[str, Any]:
        return {
            "guards": [guard.as_json() for guard in self.guards],
            "finite": list(self.finite),
            "integers": list(self.integers),
            "largest": self.largest,
            "sizes": self.sizes,
        }

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> GuardSet:
        guards = tuple(Guard.of_json(guard) for guard in fields["guards"])
        return cls(guards, tuple(fields["finite"]), tuple(fields["integers"]), fields["largest"], fields["sizes"])


def guard(model: Any, inputs: Mapping[str, int], allowed: frozenset[str] = frozenset()) -> GuardSet:
    """Puts guards into a model, and says what is to be checked at each run.

    inputs: the port of each of the signature's inputs. allowed: operations that may run though nothing is known of
    them. Raises CannotRun, naming the operation, where no guard makes the model equal to TensorFlow's.
    """
    names = {model.inputs[port].get_node().get_name(): name for name, port in inputs.items()}
    found, facts, largest = _hazards(model, allowed)
    if found.reasons:
        raise CannotRun(found.reasons[0])
    guards = tuple(insert(model, found.wanted, names))
    if guards:
        model.validate_nodes_and_infer_types()
    ports = {name: model.inputs[port] for name, port in inputs.items()}
    floats = tuple(name for name, port in ports.items() if found.screens and type_name(port) in _FLOATS)
    # What is held against the size that it indexes needs no other bound.
    held = {one.input for one in guards if one.kind == "indices" and one.sizes and one.sizes[0] <= largest}
    counted = (name for name, port in ports.items() if is_integer(port) and type_name(port) != "boolean")
    integers = [name for name in counted if name not in held]
    return GuardSet(guards, floats, tuple(integers) if largest else (), largest, facts.computes_sizes)


def refused_shapes(model: Any, *, empty: bool = False) -> str | None:
    """Why a model whose shapes are all known must not run; None if nothing speaks against it. empty: whether tensors
    may have no elements."""
    found = static_hazards(model, facts_of(model, looks_at_weights=False), empty=empty)
    return found[0] if found else None


def _hazards(model: Any, allowed: frozenset[str]) -> tuple[Hazards, Facts, int]:
    """What was found, and for integers of which size that holds: 0 for all."""
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
