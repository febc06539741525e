"""EfficientNet-Lite0 as a Keras model, with the weights that PyTorch's port of it was published with.

It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6, in Google's version for phones (Apache-2.0). The
layers are called as in `keras.applications.EfficientNetB0`: `block4b_project_conv`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument
from lightship.extras import required
from lightship.images.preprocessing import Preprocessing
from lightship.images.spec import ImageSpec
from lightship.training.weights.checkpoint import read_checkpoint

if TYPE_CHECKING:
    import keras

NAME = "efficientnet-lite0"
SHAPE = (224, 224, 3)
FEATURES = 1280
IMAGENET_CLASS_COUNT = 1000
MIN_SIDE = 32

# Training on ImageNet did (pixels - 127) / 128, and its evaluation cut the middle out and resized with bicubic.
PREPROCESSING = Preprocessing.mean_std(127.0, 128.0)
IMAGE = ImageSpec(height=224, width=224, resize="bicubic", fit="crop", preprocessing=PREPROCESSING)

_CHECKPOINT_SUFFIXES = (".pth", ".pt")
_EPSILON, _MOMENTUM = 1e-3, 0.99
_DROP_CONNECT = 0.2
_DROPOUT = 0.2


class _Stage(NamedTuple):
    """Blocks of one kind; only the first of them has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_BLOCKS = sum(stage.repeats for stage in _STAGES)


class _Block(NamedTuple):
    """An inverted residual block."""

    # Its place in the network from 0, and its name, such as block4b.
    position: int
    name: str
    kernel: int
    stride: int
    expansion: int
    filters: int


def efficientnet_lite0(
    shape: tuple[int, int, int] = SHAPE,
    weights: Path | None = None,
    include_top: bool = True,
    classes: int = IMAGENET_CLASS_COUNT,
) -> keras.Model:
    """Returns the network as a functional Keras model of float32 images [N, height, width, 3], preprocessed.

    shape: the size of its input; height and width are at least 32.
    weights: a checkpoint of PyTorch (.pth, .pt), or a file of Keras weights of this network (.weights.h5); None for
        random weights. `lite0_weights()` fetches those of ImageNet.
    include_top: whether the model ends with pooling and class scores, a softmax [N, classes]. Without, it ends with the
        feature maps, [N, height / 32, width / 32, 1280].
    classes: how many classes the top has.

    The pixels are preprocessed by `PREPROCESSING`, which is not part of the model.

    Raises InvalidArgument for a shape that is not possible, and for weights that are not those of this network;
    the errors of `read_checkpoint`; and FailedPrecondition if Keras is not installed.
    """
    _check_shape(shape)
    with required("EfficientNet-Lite0"):
        import keras
    tensors = read_checkpoint(weights) if weights is not None and _is_checkpoint(weights) else None
    images = keras.Input(shape, name="image")
    output = _top(_features(images), classes) if include_top else _features(images)
    model = keras.Model(images, output, name="efficientnet_lite0")
    if tensors is not None:
        _set_weights(model, tensors, str(weights))
    elif weights is not None:
        _load_keras_weights(model, weights)
    return model


def _check_shape(shape: tuple[int, ...]) -> None:
    sides = list(shape)
    if len(sides) != 3 or sides[2] != 3 or not all(isinstance(side, int) and side >= MIN_SIDE for side in sides[:2]):
        raise InvalidArgument(
            f"shape is {shape!r}; EfficientNet-Lite0 takes (height, width, 3) of at least {MIN_SIDE} pixels, such as "
            f"{SHAPE}"
        )


def _is_checkpoint(weights: Path) -> bool:
    return Path(weights).suffix.lower() in _CHECKPOINT_SUFFIXES


def _blocks() -> Iterator[_Block]:
    position = 0
    for number, stage in enumerate(_STAGES, start=1):
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            name = f"block{number}{chr(ord('a') + repeat)}"
            yield _Block(position, name, stage.kernel, stride, stage.expansion, stage.filters)
            position += 1


def _features(images: Any) -> Any:
    import keras

    x = keras.layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="stem_conv")(images)
    x = _normalised(x, "stem_bn", "stem_activation")
    for block in _blocks():
        x = _inverted_residual(x, block)
    x = keras.layers.Conv2D(FEATURES, 1, padding="same", use_bias=False, name="top_conv")(x)
    return _normalised(x, "top_bn", "top_activation")


def _inverted_residual(inputs: Any, block: _Block) -> Any:
    import keras

    x, name, entering = inputs, block.name, inputs.shape[-1]
    if block.expansion != 1:
        x = keras.layers.Conv2D(
            entering * block.expansion, 1, padding="same", use_bias=False, name=f"{name}_expand_conv"
        )(x)
        x = _normalised(x, f"{name}_expand_bn", f"{name}_expand_activation")
    x = keras.layers.DepthwiseConv2D(block.kernel, block.stride, padding="same", use_bias=False, name=f"{name}_dwconv")(
        x
    )
    x = _normalised(x, f"{name}_bn", f"{name}_activation")
    x = keras.layers.Conv2D(block.filters, 1, padding="same", use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalised(x, f"{name}_project_bn")
    if block.stride != 1 or entering != block.filters:
        return x
    # In training, the whole block is left out for some images, the later ones more often.
    rate = _DROP_CONNECT * block.position / _BLOCKS
    x = keras.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return keras.layers.Add(name=f"{name}_add")([x, inputs])


def _normalised(x: Any, name: str, activation: str = "") -> Any:
    import keras

    x = keras.layers.BatchNormalization(epsilon=_EPSILON, momentum=_MOMENTUM, name=name)(x)
    return keras.layers.ReLU(6.0, name=activation)(x) if activation else x


def _top(features: Any, classes: int) -> Any:
    import keras

    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(features)
    x = keras.layers.Dropout(_DROPOUT, name="top_dropout")(x)
    return keras.layers.Dense(classes, activation="softmax", name="predictions")(x)


def _set_weights(model: keras.Model, tensors: Mapping[str, NDArray[Any]], path: str) -> None:
    """Sets the weights of every layer that has some; of the checkpoint, only the top may be left over."""
    for name, source in _names_in_checkpoint():
        try:
            layer = model.get_layer(name)
        except ValueError:
            continue  # the top is left out
        values = [_as_keras(name, part, tensors, f"{source}.{part}", path) for part in _PARTS[_kind(name)]]
        for variable, value in zip(layer.weights, values, strict=True):
            if tuple(variable.shape) != value.shape:
                raise InvalidArgument(
                    f"{path} has weights of shape {value.shape} for the layer {name}, which needs "
                    f"{tuple(variable.shape)}: give the weights of EfficientNet-Lite0, for as many classes as they have"
                )
        layer.set_weights(values)


_PARTS: Mapping[str, tuple[str, ...]] = {
    "conv": ("weight",),
    "dwconv": ("weight",),
    "bn": ("weight", "bias", "running_mean", "running_var"),
    "predictions": ("weight", "bias"),
}


def _kind(layer: str) -> str:
    return layer.rpartition("_")[2]


def _names_in_checkpoint() -> Iterator[tuple[str, str]]:
    """Yields the name of each layer with weights, and what stands before the names of its tensors in the checkpoint."""
    yield from (("stem_conv", "_conv_stem"), ("stem_bn", "_bn0"))
    for block in _blocks():
        if block.expansion != 1:
            yield f"{block.name}_expand_conv", f"_blocks.{block.position}._expand_conv"
            yield f"{block.name}_expand_bn", f"_blocks.{block.position}._bn0"
        yield f"{block.name}_dwconv", f"_blocks.{block.position}._depthwise_conv"
        yield f"{block.name}_bn", f"_blocks.{block.position}._bn1"
        yield f"{block.name}_project_conv", f"_blocks.{block.position}._project_conv"
        yield f"{block.name}_project_bn", f"_blocks.{block.position}._bn2"
    yield from (("top_conv", "_conv_head"), ("top_bn", "_bn1"), ("predictions", "_fc"))


def _as_keras(layer: str, part: str, tensors: Mapping[str, NDArray[Any]], name: str, path: str) -> NDArray[np.float32]:
    """Returns a tensor as Keras orders its axes: PyTorch's kernels are [out, in, height, width]."""
    if name not in tensors:
        raise InvalidArgument(f"{path} has no tensor {name}: give the weights of EfficientNet-Lite0")
    tensor = np.asarray(tensors[name], np.float32)
    if not np.isfinite(tensor).all():
        raise InvalidArgument(f"{path} has numbers in the tensor {name} that are not finite: download it again")
    kind = _kind(layer)
    if kind in ("conv", "dwconv") and tensor.ndim == 4:
        return tensor.transpose(2, 3, 0, 1) if kind == "dwconv" else tensor.transpose(2, 3, 1, 0)
    return tensor.T if part == "weight" and tensor.ndim == 2 else tensor


def _load_keras_weights(model: keras.Model, weights: Path) -> None:
    if not Path(weights).is_file():
        raise InvalidArgument(f"{weights} is not a file: give the weights of EfficientNet-Lite0, a .pth or .weights.h5")
    try:
        model.load_weights(str(weights))
    except Exception as error:  # Keras and h5py raise many kinds
        reason = " ".join(str(error).split())[:200]
        raise InvalidArgument(
            f"{weights} does not have the weights of EfficientNet-Lite0 ({reason}): give a .pth file, or what "
            "model.save_weights wrote for this network"
        ) from error
