"""Which version of which model a request is for."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Target:
    """A model, and the version that is asked for by its number or by its label.

    Raises InvalidArgument for an empty name, for a version together with a label, and for a version that is not a
    number of 0 or more.
    """

    model: str
    """The name under which the server serves it."""

    version: int | None = None
    """None: the version that `label` names, or else the server's newest."""

    label: str | None = None
    """A label that the server's configuration gives to a version, such as stable."""

    def __post_init__(self) -> None:
        # Users pass these values, so their types are checked as well.
        model, version, label = self.model, self.version, self.label
        if not model or not isinstance(model, str):
            raise InvalidArgument(f"model is {model!r}; give the name under which it is served")
        if version is None:
            return
        if label is not None:
            raise InvalidArgument(f"version {version} and label {label!r} are given together; give one of them")
        if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 2**63:
            raise InvalidArgument(f"version is {version!r}; give a whole number, 0 or more")

    def at_version(self, version: int | None) -> Target:
        """Returns a target with the same model in this version; for None, the target itself."""
        return self if version is None else Target(self.model, version)

    def without_version(self) -> Target:
        return Target(self.model, label=self.label)
