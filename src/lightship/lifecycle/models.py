"""All models that the manager knows. The manager's lock guards them."""

from __future__ import annotations

from collections.abc import Iterator

from lightship.lifecycle.model_versions import ModelVersions

# The number of removed models whose ended versions stay visible.
MAX_REMOVED = 100


class Models:
    """The models in the order in which they were added. Removed ones stay at the end, with their status."""

    def __init__(self) -> None:
        self._models: dict[str, ModelVersions] = {}

    def __iter__(self) -> Iterator[ModelVersions]:
        """Iterates over all models, including the removed ones."""
        return iter(self._models.values())

    def get(self, name: str) -> ModelVersions | None:
        return self._models.get(name)

    def wanted(self) -> list[ModelVersions]:
        return [model for model in self if model.wanted]

    def known(self, name: str) -> ModelVersions:
        """Returns the model of this name. Adds it, or marks it as wanted again, if necessary."""
        model = self._models.get(name)
        if model is None or not model.wanted:
            model = self._models.pop(name, None) or ModelVersions(name)
            model.wanted = True
            self._models[name] = model
        return model

    def forget(self, model: ModelVersions) -> None:
        """Removes a model. Drops the oldest removed models if there are too many of them."""
        model.forget()
        self._models[model.name] = self._models.pop(model.name)
        gone = [one.name for one in self if not one.wanted and one.idle()]
        for name in gone[: max(0, len(gone) - MAX_REMOVED)]:
            del self._models[name]
