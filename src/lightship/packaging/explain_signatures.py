"""The interface of the signatures that explain a model's answers, whatever the model was read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from lightship.bundle.explain_spec import ExplainSpec

if TYPE_CHECKING:
    import tensorflow as tf

    from lightship.packaging.signatures import ImageSignatures

Outputs = dict[str, Any]
# A signature's name, its function and the specs of its inputs.
SignatureFunction = tuple[str, Callable[..., Outputs], "Sequence[tf.TensorSpec]"]


class CannotExplain(Exception):
    """A model has no part that could be explained. The text says why."""


class Explanations(Protocol):
    """The signatures that explain a model's answers."""

    @property
    def spec(self) -> ExplainSpec:
        """The layer, the methods that apply, and the names of their signatures."""

    def functions(self, image: ImageSignatures | None) -> Iterator[SignatureFunction]:
        """Yields the signature of each method, and those for encoded images if the model has image signatures."""

    def run(self, method: str, images: NDArray[Any], classes: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Explains images with the trained model itself. Shapes are those of a method's signature."""

    def bias(self) -> NDArray[Any] | None:
        """Returns the bias [K] of the dense layer of exact maps; None if there is none, or if it is not known."""
