"""The two models of `lightship compare`: on a server, or in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from lightship.cli.explain_photos import as_options
from lightship.client.address import is_address, speaks_grpc, without_password
from lightship.errors import (
    FailedPrecondition,
    Internal,
    InvalidArgument,
    LightshipError,
    NotFound,
    OutOfRange,
    ResourceExhausted,
)

if TYPE_CHECKING:
    from lightship.client import Classification, Tls
    from lightship.client.address import Address
    from lightship.client.sync_client import Client
    from lightship.local import LocalModel

ALL_LABELS = 999_999_999  # the largest number that servers take in ?top=N
# Errors that are about one photo. After any other the comparison ends.
_REFUSALS = (InvalidArgument, Internal, OutOfRange, ResourceExhausted)


@dataclass(frozen=True, slots=True)
class Access:
    """How models on servers are asked."""

    # Seconds for each answer.
    timeout: float
    # How many photos are sent at the same time.
    concurrency: int
    # A version folder, for models that take no encoded images.
    bundle: str | None = None
    trusted: Tls | None = None


class Side(Protocol):
    """A model that is compared."""

    @property
    def name(self) -> str:
        """The path of the version folder, or the URL of the model."""

    @property
    def model(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def classes(self) -> tuple[str, ...] | None:
        """None if only the answers tell them."""

    def classify(self, photos: Sequence[bytes]) -> list[Classification | LightshipError]:
        """Returns the scores of all classes for each photo, or why the model refused it.

        Raises a LightshipError that is not about one photo, with the name of the side.
        """


@contextmanager
def opened_side(target: str, access: Access) -> Iterator[Side]:
    """Opens a model by its URL or its folder. Raises the errors of `Client` and `lightship.load`, with advice."""
    with _remote_side(target, access) if is_address(target) else _local_side(target) as side:
        yield side


@contextmanager
def _local_side(target: str) -> Iterator[Side]:
    from lightship.cli.advice import COMPARE
    from lightship.cli.version_folder import find_version
    from lightship.local import load

    found = find_version(target, COMPARE)
    with load(found.path) as model:
        if model.classes is None or model.image is None:
            missing = "classes" if model.classes is None else "an image spec"
            raise FailedPrecondition(
                f"{found.path} was exported without {missing}, so it answers no photos with labels: export it again "
                "with --preprocess NAME --classes FILE"
            )
        yield LocalSide(str(found.path), model)


@contextmanager
def _remote_side(target: str, access: Access) -> Iterator[Side]:
    from lightship.cli.server_address import model_address
    from lightship.client import Client

    address = model_address(target)
    with Client(target, timeout=access.timeout, bundle=access.bundle, tls=access.trusted) as client:
        yield RemoteSide(client, address, access.concurrency)


class LocalSide:
    """A version that is loaded in this process."""

    def __init__(self, name: str, model: LocalModel) -> None:
        self.name, self._model = name, model
        self.model, self.version = model.name, model.version
        self.classes = model.classes

    def classify(self, photos: Sequence[bytes]) -> list[Classification | LightshipError]:
        from lightship.client.parallel import in_order
        from lightship.processors import available_cpus

        def answer(photo: bytes) -> Classification | LightshipError:
            try:
                return self._model.classify_image(photo, top=ALL_LABELS)
            except _REFUSALS as error:
                return error

        # A process that ends while the engine runs in a thread is aborted.
        return list(in_order(answer, photos, available_cpus(), always_finish=True))


class RemoteSide:
    """One version of a model on a server.

    If the address names no version, the one that the server has now is asked for by its number, so that all answers are
    of one version even while the server takes up another one.
    """

    classes = None

    def __init__(self, client: Client, address: Address, concurrency: int) -> None:
        """Raises NotFound if the server does not have the model, and Unavailable if it cannot be reached."""
        self._client, self._concurrency = client, concurrency
        self.model = str(address.model)
        self.version = self._current_version(address)
        self.name = _shown_address(client.url, self.model, self.version)

    def classify(self, photos: Sequence[bytes]) -> list[Classification | LightshipError]:
        options: dict[str, Any] = {"version": self.version, "concurrency": self._concurrency, "on_error": "return"}
        answers = self._client.classify_images(self.model, photos, top=ALL_LABELS, **options)
        return [self._checked(index, answer) for index, answer in enumerate(answers)]

    def _checked(self, index: int, answer: Classification | LightshipError) -> Classification | LightshipError:
        """Returns an answer or what is wrong with the photo, without its index in the request. Raises other errors."""
        if not isinstance(answer, LightshipError):
            return answer
        message = answer.message.removeprefix(f"photos[{index}]: ")
        if isinstance(answer, _REFUSALS):
            return type(answer)(message)
        raise type(answer)(f"{self.name}: {as_options(message)}")

    def _current_version(self, address: Address) -> int:
        try:
            return self._client.metadata(self.model, version=address.version, label=address.label).version
        except NotFound as error:
            server = without_password(self._client.url)
            raise NotFound(
                f"{server} does not serve this model or version ({error.message}): `lightship status {server}` lists "
                "what it serves"
            ) from error


def _shown_address(server: str, model: str, version: int) -> str:
    name = quote(model, safe="")
    path = name if speaks_grpc(server) else f"v1/models/{name}"
    return f"{without_password(server)}/{path}/versions/{version}"
