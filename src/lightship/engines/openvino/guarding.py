"""A model made safe: what is not equal to TensorFlow is refused, and guards are put where values decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.openvino.facts import is_integer, type_name
from lightship.engines.openvino.guards import Guard, Guards, insert
from lightship.engines.openvino.hazards import Hazards, hazards_of, static_hazards
from lightship.engines.openvino.rules import facts_of

# How large the integers of a client may be, where the model's arithmetic with them must stay exact: half of what
# float32 holds, so that a size can be added; less, where they are multiplied.
LARGEST_INTEGERS = (1 << 23, 1 << 16, 1 << 10)


@dataclass(frozen=True, slots=True)
class GuardSet:
    """What is checked at each run of one compiled model; names are the signature's inputs."""

    guards: tuple[Guard, ...] = ()
    # Inputs that must hold no NaN, no infinity and no huge number.
    finite: tuple[str, ...] = ()
    # Inputs whose integers must be at most `largest`.
    integers: tuple[str, ...] = ()
    largest: int = 0

    def checks(self) -> Guards:
        return Guards(self.guards, self.finite, self.integers, self.largest)

    def as_json(self) -> dict[str, Any]:
        return {
            "guards": [guard.as_json() for guard in self.guards],
            "finite": list(self.finite),
            "integers": list(self.integers),
            "largest": self.largest,
        }

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> GuardSet:
        guards = tuple(Guard.of_json(guard) for guard in fields["guards"])
        return cls(guards, tuple(fields["finite"]), tuple(fields["integers"]), fields["largest"])


def guard(model: Any, inputs: Mapping[str, int], allowed: frozenset[str] = frozenset()) -> GuardSet:
    """Puts guards into a model, and says what is to be checked at each run.

    inputs: the port of each of the signature's inputs. allowed: operations that may run though nothing is known of
    them. Raises CannotRun, naming the operation, where no guard makes the model equal to TensorFlow's.
    """
    names = {model.inputs[port].get_node().get_name(): name for name, port in inputs.items()}
    found, largest = _hazards(model, allowed)
    if found.reasons:
        raise CannotRun(found.reasons[0])
    guards = tuple(insert(model, found.wanted, names))
    if guards:
        model.validate_nodes_and_infer_types()
    ports = {name: model.inputs[port] for name, port in inputs.items()}
    floats = tuple(name for name, port in ports.items() if found.swallows and not is_integer(port))
    integers = [name for name, port in ports.items() if is_integer(port) and type_name(port) != "boolean"]
    return GuardSet(guards, floats, tuple(integers) if largest else (), largest)


def refused_shapes(model: Any) -> str | None:
    """Why a model whose shapes are all known must not run; None if nothing speaks against it."""
    found = static_hazards(model, facts_of(model, looks_at_weights=False))
    return found[0] if found else None


def _hazards(model: Any, allowed: frozenset[str]) -> tuple[Hazards, int]:
    """What was found, and for integers of which size that holds: 0 for all."""
    found = hazards_of(model, facts_of(model), allowed)
    for largest in LARGEST_INTEGERS:
        if not found.reasons:
            break
        found = hazards_of(model, facts_of(model, largest), allowed)
        if not found.reasons:
            return found, largest
    return found, 0
