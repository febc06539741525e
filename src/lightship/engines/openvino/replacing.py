"""Replaces nodes of OpenVINO's models."""

from __future__ import annotations

from typing import Any


def replace_node(node: Any, made: Any) -> None:
    """Lets all readers of a node's only output read that of another one, which gets its name and that of its tensor."""
    made.set_friendly_name(node.get_friendly_name())
    names = node.output(0).get_names()
    node.output(0).replace(made.output(0))
    made.output(0).set_names(names)
