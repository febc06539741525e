"""All models that were made known. Guarded by the manager's lock."""

from __future__ import annotations

from collections.abc import Iterator

from lightship.lifecycle.model_versions import ModelVersions

# Models that were removed stay visible by their ended versions, but not for ever.
MAX_REMOVED = 100


class Models:
    """In the order in which they came; removed ones are kept behind, so that their versions can be seen to end."""

    def __init__(self) -> None:
        self._models: dict[str, ModelVersions] = {}

    def __iter__(self) -> Iterator[ModelVersions]:
        """The removed ones too."""
        return iter(self._models.values())

    def get(self, name: str) -> ModelVersions | None:
        return self._models.get(name)

    def wanted(self) -> list[ModelVersions]:
        return [model for model in self if model.wanted]

    def known(self, name: str) -> ModelVersions:
        """The model of that name, which is wanted from now on."""
        model = self._models.get(name)
        if model is None or not model.wanted:
            model = self._models.pop(name, None) or ModelVersions(name)
            model.wanted = True
            self._models[name] = model
        return model

    def forget(self, model: ModelVersions) -> None:
        """Lets go of a model; of those that are gone, the first are dropped when there are too many."""
        model.forget()
        self._models[model.name] = self._models.pop(model.name)
        gone = [one.name for one in self if not one.wanted and one.idle()]
        for name in gone[: max(0, len(gone) - MAX_REMOVED)]:
            del self._models[name]
