"""Says of a version that looks like an image classifier but has no image spec why photos are refused for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lightship.images.spec import CHANNELS
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.tensors.dtypes import DataType

if TYPE_CHECKING:
    from lightship.bundle.bundle import Bundle

# The values of `no_image` in a manifest: the export warned, or its caller said that the model takes only tensors.
MISSING, INTENDED = "missing", "intended"
FAMILY_ADVICE = (
    "add --family tensorflow (in Python family='tensorflow' to the ImageSpec) if training used "
    "image_dataset_from_directory"
)
_CHANNELS = (None, -1, *CHANNELS.values())


def is_image_shape(shape: Sequence[int | None] | None) -> bool:
    """Returns whether a shape may be that of images [N, height, width, channels]. A free size is None or -1."""
    return shape is not None and len(shape) == 4 and shape[3] in _CHANNELS


def missing_image(bundle: Bundle) -> str:
    """Returns what an operator should know and do, or an empty text if nothing is missing, or that is intended."""
    if not lacks_image(bundle):
        return ""
    needed, python = image_arguments(bundle)
    if bundle.labels is None:
        needed, python = f"--classes FILE and {needed}", f"classes=[...] and {python}"
    return (
        "takes only tensors and refuses photos, because it was exported without preprocessing: export it again with "
        f"{needed} (in Python {python}), or with --no-image (image=False) if this is intended; {FAMILY_ADVICE}"
    )


def image_arguments(bundle: Bundle) -> tuple[str, str]:
    """Returns the option of `lightship export` and the argument in Python that give a version an image spec."""
    if bundle.manifest is not None and bundle.manifest.own_preprocessing:
        return "--preprocess none", "image=ImageSpec(preprocessing='none')"
    return "--preprocess NAME", "image=ImageSpec(...)"


def tensors_only(bundle: Bundle) -> str:
    """Returns one short line for `lightship serve` if the version refuses photos by mistake, else an empty text."""
    return "takes tensors only, no photos: exported without --preprocess" if lacks_image(bundle) else ""


def lacks_image(bundle: Bundle) -> bool:
    """Returns whether a version that Lightship exported is an image classifier without an image spec by mistake."""
    manifest = bundle.manifest
    if manifest is None or bundle.image is not None:
        return False
    if manifest.no_image:
        return manifest.no_image == MISSING
    return bundle.labels is not None and takes_images(bundle)  # an older export did not say


def takes_images(bundle: Bundle) -> bool:
    """Returns whether `serving_default` takes one batch of images as numbers, as far as its shape is known."""
    signature = bundle.saved_model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1:
        return False
    (one,) = signature.inputs.values()
    return one.dtype not in (DataType.DT_STRING, DataType.DT_BOOL) and (one.shape is None or is_image_shape(one.shape))
