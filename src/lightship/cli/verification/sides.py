"""The two sides of a comparison: the serving engine, and TensorFlow in this process or a running server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.batching import Direct
from lightship.bundle.bundle import Bundle
from lightship.cli.failures import silenced_imports
from lightship.cli.verification.samples import encoded_signatures
from lightship.engines import EngineOptions, load_engine
from lightship.engines.tensorflow import tensorflow_installed
from lightship.errors import (
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    LightshipError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from lightship.extras import INSTALL_TENSORFLOW
from lightship.lifecycle import Servable, ServableId
from lightship.saved_model.signatures import Signature
from lightship.saved_model.versions import TFLITE_FILE
from lightship.services.predict import predict

if TYPE_CHECKING:
    from lightship.client import Client
    from lightship.client.address import Address

Arrays = Mapping[str, NDArray[Any]]

# Errors of a server that are not caused by the inputs.
_UNAVAILABLE_ERRORS: tuple[type[LightshipError], ...] = (
    Cancelled,
    DeadlineExceeded,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)


class Side(Protocol):
    """One side of a comparison."""

    @property
    def name(self) -> str:
        """The name for messages: TensorFlow, or a server's URL."""

    @property
    def unavailable_errors(self) -> tuple[type[LightshipError], ...]:
        """The errors that `answer` raises if the side is not available."""

    def answer(self, signature: Signature, inputs: Arrays) -> Arrays:
        """Returns all outputs.

        Raises one of `unavailable_errors` if the side cannot be reached, and any other LightshipError if the model
        rejects the inputs.
        """


class ServingSide:
    """The version on the engine that a Lightship server uses."""

    name = "the serving engine"
    unavailable_errors: tuple[type[LightshipError], ...] = ()

    def __init__(self, servable: Servable) -> None:
        self._servable = servable

    def engine_of(self, signature: str) -> str:
        """Returns the engine's name, "lightship" for encoded images, or "none" if no engine can run it."""
        if signature in encoded_signatures(self._servable.bundle):
            return "lightship"
        try:
            return self._servable.engine.engine_of(signature)
        except LightshipError:  # `answer` raises the reason
            return "none"

    def answer(self, signature: Signature, inputs: Arrays) -> Arrays:
        return predict(self._servable, signature, dict(inputs))


class TensorFlowSide:
    name = "TensorFlow"
    unavailable_errors: tuple[type[LightshipError], ...] = ()

    def __init__(self, servable: Servable) -> None:
        self._engine = servable.engine

    def answer(self, signature: Signature, inputs: Arrays) -> Arrays:
        return self._engine.run(signature.name, inputs)


class RemoteSide:
    unavailable_errors = _UNAVAILABLE_ERRORS

    def __init__(self, client: Client, address: Address) -> None:
        self._client, self._address = client, address
        self.name = client.url

    def answer(self, signature: Signature, inputs: Arrays) -> Arrays:
        address = self._address
        return self._client.predict(
            str(address.model),
            inputs,
            signature=signature.name,
            version=address.version,
            label=address.label,
            encoding="auto",
        ).outputs


@contextmanager
def serving_engine(bundle: Bundle) -> Iterator[ServingSide]:
    """Loads the version as a server does. Raises the errors of a server that cannot load it."""
    with _servable(bundle, EngineOptions()) as servable:
        yield ServingSide(servable)


@contextmanager
def local_tensorflow(bundle: Bundle) -> Iterator[TensorFlowSide]:
    """Loads the version into TensorFlow.

    Raises FailedPrecondition if TensorFlow is not installed, or if the version is a model for LiteRT.
    """
    if bundle.saved_model.file == TFLITE_FILE:
        raise FailedPrecondition(
            f"{bundle.path} has {TFLITE_FILE} and no SavedModel, so TensorFlow cannot run it, and there is nothing to "
            "compare with: compare with a server, --against http://host:8501"
        )
    if not tensorflow_installed():
        raise FailedPrecondition(
            f"TensorFlow is not installed, so there is nothing to compare with. Install it: {INSTALL_TENSORFLOW}; "
            "or compare with a server: --against http://host:8501"
        )
    with ExitStack() as stack:
        with silenced_imports():
            servable = stack.enter_context(_servable(bundle, EngineOptions(engine="tensorflow"), few_runs=True))
        yield TensorFlowSide(servable)


@contextmanager
def remote_server(client: Client, address: Address) -> Iterator[RemoteSide]:
    """A model on a server. Raises NotFound if the server does not have it, Unavailable if the server is not running."""
    model = str(address.model)
    try:
        client.metadata(model, version=address.version, label=address.label)
    except NotFound as error:
        wanted = f"version {address.version} of {model}" if address.version is not None else model
        raise NotFound(
            f"{client.url} does not serve {wanted} ({error.message}): name a model and version that it serves, "
            f"--against {client.url}/v1/models/NAME/versions/N"
        ) from error
    yield RemoteSide(client, address)


def plain(outputs: Arrays) -> Arrays:
    """Converts bfloat16 and float8 outputs to float32, because not every transport can send them."""
    return {name: array.astype(np.float32) if array.dtype.kind == "V" else array for name, array in outputs.items()}


@contextmanager
def _servable(bundle: Bundle, options: EngineOptions, *, few_runs: bool = False) -> Iterator[Servable]:
    engine = load_engine(bundle.path, bundle.saved_model, options, few_runs=few_runs)
    servable = Servable(ServableId(bundle.name, bundle.version), bundle, engine, Direct(engine))
    try:
        yield servable
    finally:
        servable.close()
