"""The model that `lightship explain` explains: on a server, or in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

    from lightship.client import Explanation, Rise, Tls
    from lightship.client.address import Address
    from lightship.client.masked_images import MaskedImages
    from lightship.client.sync_client import Client
    from lightship.local import LocalModel


class ExplainedModel(Protocol):
    """A model that explains photos, and answers for photos of which parts are hidden."""

    @property
    def name(self) -> str: ...

    @property
    def folder(self) -> Path | None:
        """The version folder; None for a model on a server."""

    def explain(self, photo: bytes, class_: str | int | None, method: str | Rise | None) -> Explanation: ...

    def masked(self, photo: bytes) -> MaskedImages:
        """Returns the photo in the form in which parts of it can be hidden."""

    def ask(self, signature: str, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Runs a signature on its only input, and returns its outputs."""


@contextmanager
def explained_model(target: str, timeout: float, bundle: str | None, trusted: Tls | None) -> Iterator[ExplainedModel]:
    """Opens a model by its URL or its folder. Raises the errors of `Client` and `lightship.load`, with advice."""
    from lightship.client.address import is_address

    if not is_address(target):
        from lightship.cli.advice import EXPLAIN, check_argument
        from lightship.local import load

        check_argument(target, EXPLAIN)
        with load(target) as loaded:
            yield LocalExplained(loaded)
        return
    from lightship.cli.server_address import model_address
    from lightship.client import Client

    address = model_address(target)
    with Client(target, timeout=timeout, bundle=bundle, tls=trusted) as client:
        yield RemoteExplained(client, address, bundle)


class RemoteExplained:
    """A model on a server."""

    folder = None

    def __init__(self, client: Client, address: Address, bundle: str | None) -> None:
        self._client, self._bundle = client, bundle
        self.name = str(address.model)
        self._version: dict[str, Any] = {"version": address.version, "label": address.label}

    def explain(self, photo: bytes, class_: str | int | None, method: str | Rise | None) -> Explanation:
        return self._client.explain_image(self.name, photo, class_=class_, method=method, **self._version)

    def masked(self, photo: bytes) -> MaskedImages:
        from lightship.client.masked_images import masked_images
        from lightship.client.preprocessing import read_preprocessing

        described = self._client.metadata(self.name, **self._version)
        return masked_images(photo, described, read_preprocessing(None, None, self._bundle))

    def ask(self, signature: str, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        return self._client.predict(self.name, inputs, signature=signature, encoding="auto", **self._version).outputs


class LocalExplained:
    """A model in this process."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self.name, self.folder = model.name, model.path

    def explain(self, photo: bytes, class_: str | int | None, method: str | Rise | None) -> Explanation:
        return self._model.explain_image(photo, class_=class_, method=method)

    def masked(self, photo: bytes) -> MaskedImages:
        from lightship.client import ModelMetadata
        from lightship.client.masked_images import masked_images
        from lightship.client.preprocessing import ClientPreprocessing

        model = self._model
        described = ModelMetadata(model.name, model.version, model.signatures)
        return masked_images(photo, described, ClientPreprocessing(model.image, model.classes))

    def ask(self, signature: str, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        return self._model.predict(inputs, signature=signature).outputs
