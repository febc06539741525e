"""Describes what is served now: every model, its versions and labels, and the signatures of the loaded versions."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from lightship.bundle.explain_spec import ExplainSpec
from lightship.bundle.missing_image import missing_image
from lightship.errors import LightshipError
from lightship.images.spec import ImageSpec
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels
from lightship.lifecycle.state import ModelVersionStatus
from lightship.saved_model.signatures import INIT_SIGNATURE, Signature
from lightship.services.classify import check_classification
from lightship.services.regress import check_regression
from lightship.services.status import list_models


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version of a model."""

    version: int
    state: str
    # Why the version ended with an error; empty if it did not.
    problem: str
    # Empty while the version is not loaded.
    signatures: Mapping[str, Signature]
    # The methods that each signature can be called by: predict, and possibly classify and regress.
    verbs: Mapping[str, tuple[str, ...]]
    # Whether the version takes encoded images as request bodies.
    images: bool = False
    # What an operator should know and do, such as that an image classifier has no preprocessing; mostly empty.
    advice: str = ""
    # The names of the classes, and how an image becomes the input; empty or None if the version has none.
    classes: tuple[str, ...] = ()
    image: ImageSpec | None = None
    # How the version explains its answers; None if it cannot.
    explain: ExplainSpec | None = None


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model."""

    name: str
    # Why no version is loaded; None if one is.
    reason: str | None
    labels: Mapping[str, int]
    # The highest version first.
    versions: tuple[ServedVersion, ...]

    @property
    def answering(self) -> tuple[ServedVersion, ...]:
        """The loaded versions. A request without a version or label goes to the first."""
        return tuple(version for version in self.versions if version.signatures)


def served_models(manager: ServedModels) -> tuple[ServedModel, ...]:
    """Returns all models, in the order of the configuration."""
    return tuple(
        ServedModel(
            model.name,
            model.reason,
            dict(manager.labels(model.name)),
            tuple(_version(manager, model.name, status) for status in model.versions),
        )
        for model in list_models(manager)
    )


def _version(manager: ServedModels, name: str, status: ModelVersionStatus) -> ServedVersion:
    problem = status.error.message if status.error else ""
    try:
        with manager.handle(name, status.version) as handle:
            return _answering(handle.servable, status.state.name, problem)
    except LightshipError:  # the version is not loaded
        return ServedVersion(status.version, status.state.name, problem, {}, {})


def _answering(servable: Servable, state: str, problem: str) -> ServedVersion:
    bundle = servable.bundle
    known = bundle.saved_model.signatures
    signatures = {name: signature for name, signature in known.items() if name != INIT_SIGNATURE}
    verbs = {name: _verbs(servable, signature) for name, signature in signatures.items()}
    images = bundle.image is not None and bundle.labels is not None
    return ServedVersion(
        *(servable.id.version, state, problem, signatures, verbs, images),
        advice=missing_image(bundle),
        classes=bundle.labels or (),
        image=bundle.image,
        explain=bundle.explain,
    )


def _verbs(servable: Servable, signature: Signature) -> tuple[str, ...]:
    verbs = []
    for verb, check in (("classify", check_classification), ("regress", check_regression)):
        with contextlib.suppress(LightshipError):
            check(servable, signature)
            verbs.append(verb)
    return (*verbs, "predict")
